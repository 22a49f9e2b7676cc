// SPDX-License-Identifier: Apache-2.0
// judge-datadog.js series FILE: reads a v2 body with Datadog's own client, strictly, and prints what it
// makes of it.  judge-datadog.js dogstatsd PORT: sends known metrics with hot-shots, for comparison.
'use strict'
const fs = require('fs')
const path = require('path')
const [, , what, argument] = process.argv
if (what === 'series') {
  const at = path.join(__dirname, 'node_modules/@datadog/datadog-api-client/dist/packages',
    'datadog-api-client-v2/models/ObjectSerializer.js')
  const { ObjectSerializer } = require(at)
  const object = JSON.parse(fs.readFileSync(argument, 'utf8'))
  const payload = ObjectSerializer.deserialize(object, 'MetricPayload', '')
  const bad = payload.series.filter(s => s.unparsedObject || s.unparsedObject_ || s._unparsed ||
    Object.keys(s.additionalProperties || {}).length > 0)
  if (payload._unparsed || bad.length > 0) {
    throw new Error('not as the client knows it: ' + JSON.stringify(bad[0] || object))
  }
  process.stdout.write(JSON.stringify(ObjectSerializer.serialize(payload, 'MetricPayload', '')))
} else {
  const StatsD = require('hot-shots')
  const client = new StatsD({ host: '127.0.0.1', port: Number(argument), maxBufferSize: 1432,
    globalTags: { env: 'test' }, includeDatadogTelemetry: false })
  client.increment('pfprof.messages', 3040, { function: 'write' })
  client.gauge('pfprof.processes', 1, { program: 'python3' })
  client.distribution('pfprof.call.duration', 0.25, { function: 'write' })
  client.close(() => process.exit(0))
}
