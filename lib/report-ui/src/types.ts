// SPDX-License-Identifier: Apache-2.0
// The report's JSON, as far as the page reads it (docs/report.schema.json has all of it).
export interface Stats {
  message_count: number; sampled_count: number; dropped_count: number; total_duration_ns: number;
  estimated_total_duration_ns: number | null; estimated_total_interval_ns: [number, number] | null;
  bytes: number; error_count: number; p50_ns: number | null; p90_ns: number | null;
  p99_ns: number | null; p99_9_ns: number | null; max_ns: number;
  why: Record<string, { count: number; share: number | null }>;
}
export interface Place {
  address?: string; module: string; offset: number; symbol: string | null;
  source_function: string | null; file: string | null; line?: number;
}
export interface Bucket { low_ns: number; end_ns: number; sampled_count: number; message_count: number }
export interface Fn extends Stats { name: string; family: string; histogram: Bucket[]; errors: Record<string, number> }
export interface Template { text: string | null; hash: string; kind: string; message_count: number }
export interface Site extends Stats, Place { function: string; thread_count: number; templates: Template[] }
export interface Stream extends Stats { id: number; path: string | null; kind: string; many: boolean; tiny_write_count: number; flushes: Stats }
export interface Thread extends Stats { pid: number; tid: number; name: string; output_share_percent: number | null; output_share_is_limit: boolean; longest_stall_ns: number }
export interface Finding {
  kind: string; title: string; evidence: string; next_step: string; place: string | null;
  saved_ns: number | null; saved_low_ns: number | null; saved_high_ns: number | null; wall_percent: number | null; thread_count: number;
}
export interface Timeline { start_time: number; bin_seconds: number; calls: number[]; bytes: number[]; cost_ns: number[]; octaves: number[][] }
export interface Paths {
  kinds: { name: string; unit: string }[]; lines: { name: string; file?: string; line?: number }[];
  samples: { frames: number[]; values: number[] }[];
}
export interface Output { // messages and flushes
  call_count: number; flush_count: number;
  estimated_total_duration_ns: number | null; estimated_total_interval_ns: [number, number] | null;
}
export interface Report {
  pfprof: string; process: Record<string, any>; processes: Record<string, any>[];
  metrics: Stats & Record<string, any>; output: Output; functions: Fn[]; flushes: Fn[]; call_sites: Site[];
  flush_sites: Site[]; streams: Stream[]; threads: Thread[]; levels: Record<string, number>;
  templates: Template[]; slowest: Record<string, any>[]; findings: Finding[];
  stacks: { function: string; message_count: number; frames: Place[] }[];
  coverage: Record<string, number>; run: Record<string, any>; timeline: Timeline | null;
  size_classes: number[]; paths: Paths;
}
