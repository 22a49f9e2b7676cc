// SPDX-License-Identifier: Apache-2.0
// Reads ExportMetricsServiceRequests with OpenTelemetry's own generated decoder, strictly, and prints them
// as a list in JSON: decode-otlp.js protobuf|json FILE...  What is decoded, encoded anew, has to be as long.
'use strict'
const fs = require('fs')
const path = require('path')
const at = path.join(__dirname, 'node_modules/@opentelemetry/otlp-transformer/build/src/generated/root')
const root = require(at)
const Request = root.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest
const [, , form, ...files] = process.argv

function read (file) {
  const bytes = fs.readFileSync(file)
  if (form === 'json') {
    const object = JSON.parse(bytes.toString())
    const message = Request.fromObject(object)
    known(object, Request.toObject(message, { longs: String, arrays: true }), '')
    return message
  }
  const message = Request.decode(bytes)
  const again = Request.encode(message).finish()
  if (again.length !== bytes.length) {
    throw new Error(`${bytes.length} bytes, ${again.length} when encoded anew: unknown or odd fields`)
  }
  return message
}

// Every name that we wrote is one that the protocol knows.
function known (ours, theirs, where) {
  for (const [name, value] of Object.entries(ours)) {
    if (theirs === undefined || theirs === null || !(name in theirs)) {
      throw new Error(`${where}.${name} is unknown`)
    }
    if (value !== null && typeof value === 'object') {
      known(value, theirs[name], `${where}.${name}`)
    }
  }
}
process.stdout.write(JSON.stringify(files.map(
  file => Request.toObject(read(file), { longs: String, enums: String }))))
