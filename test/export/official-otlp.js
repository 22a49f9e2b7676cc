// SPDX-License-Identifier: Apache-2.0
// What OpenTelemetry's own SDK and serializer make of known values: official-otlp.js protobuf|json, to
// standard output.  Counter 3040 and an exponential histogram of the values in argument 2.
'use strict'
const { ProtobufMetricsSerializer, JsonMetricsSerializer } = require('@opentelemetry/otlp-transformer')
const { MeterProvider, MetricReader, AggregationType, AggregationTemporality } = require('@opentelemetry/sdk-metrics')
const { resourceFromAttributes } = require('@opentelemetry/resources')

class Reader extends MetricReader {
  async onForceFlush () {}
  async onShutdown () {}
}
const reader = new Reader({
  aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE,
  aggregationSelector: type => type === 'HISTOGRAM'
    ? { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 4096, recordMinMax: false } }
    : { type: AggregationType.DEFAULT }
})
const provider = new MeterProvider({
  resource: resourceFromAttributes({ 'service.name': 'python3' }),
  readers: [reader]
})
const meter = provider.getMeter('pfprof', '1')
meter.createCounter('pfprof.messages', { description: 'd', unit: '{call}', valueType: 0 })
  .add(3040, { 'pfprof.function': 'write', 'pfprof.family': 'write' })
const histogram = meter.createHistogram('pfprof.call.duration', { description: 'd', unit: 's' })
for (const value of JSON.parse(process.argv[3])) {
  histogram.record(value, { 'pfprof.function': 'write', 'pfprof.family': 'write' })
}
reader.collect().then(({ resourceMetrics }) => {
  const serializer = process.argv[2] === 'json' ? JsonMetricsSerializer : ProtobufMetricsSerializer
  process.stdout.write(serializer.serializeRequest(resourceMetrics))
})
