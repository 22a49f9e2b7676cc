// SPDX-License-Identifier: Apache-2.0
// The page: one section after the other, what matters most first.
import { render, type ComponentChildren } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { bytes, duration, exact, percent, place, short, tie } from "./format";
import { Icicle } from "./icicle";
import { Table, type Column } from "./table";
import { Timeline } from "./timeline";
import type { Fn, Report, Site, Stats, Stream, Thread } from "./types";

const text = document.getElementById("data")!.textContent!;
const report: Report = JSON.parse(text);
const m = report.metrics;

const cost = (s: Stats) => s.estimated_total_duration_ns ?? s.total_duration_ns;
const share = (s: Stats, reason: string) => (s.why[reason]?.share == null ? null : 100 * s.why[reason].share!);

function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return <section id={id} aria-labelledby={`${id}-title`}><h2 id={`${id}-title`}>{title}</h2>{children}</section>;
}

function numbers<T extends Stats>(rows: T[]): Column<T>[] {
  const most = Math.max(1, ...rows.map(cost));
  return [
    { title: "calls", text: (r) => <span title={exact(r.message_count)}>{short(r.message_count)}</span>, value: (r) => r.message_count },
    { title: "time", text: (r) => duration(r.estimated_total_duration_ns), value: cost, bar: (r) => (r.estimated_total_duration_ns == null ? 0 : cost(r) / most) },
    { title: "p50", text: (r) => duration(r.p50_ns), value: (r) => r.p50_ns },
    { title: "p99", text: (r) => duration(r.p99_ns), value: (r) => r.p99_ns },
    { title: "max", text: (r) => duration(r.sampled_count ? r.max_ns : null), value: (r) => r.max_ns },
    { title: "bytes", text: (r) => bytes(r.bytes), value: (r) => r.bytes },
  ];
}
const reasons: Column<Stats>[] = ["flush", "lock", "blocked"].map((name) => ({
  title: name, text: (r) => percent(share(r, name)), value: (r) => share(r, name),
}));

function Fact({ name, children, id }: { name: string; children: ComponentChildren; id?: string }) {
  return <div><dt>{name}</dt><dd data-metric={id}>{children}</dd></div>;
}

function Header() {
  const p = report.process, run = report.run, lost = Object.entries(m.lost_count as Record<string, number>).filter(([, n]) => n > 0);
  const whole = report.output.estimated_total_duration_ns != null, time = whole ? report.output : m, interval = time.estimated_total_interval_ns;
  const end = run.signal ? `signal ${run.signal}` : run.exit_status >= 0 ? `exit ${run.exit_status}` : p.state;
  return <header>
    <p class="brand">pfprof {report.pfprof}</p>
    <h1><code>{run.command || p.command}</code></h1>
    <p class="sub">on {run.host} · pid {p.pid} · {end} · {new Date(p.start_time * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC
      · {report.processes.length} {report.processes.length === 1 ? "process" : "processes"}, {p.thread_count} {p.thread_count === 1 ? "thread" : "threads"}{" "}
      · sample rate {p.sample_rate}</p>
    <dl class="facts">
      <Fact name="messages" id="message_count">{exact(m.message_count)}</Fact>
      <Fact name={whole ? "time in output" : "time in messages"}>{duration(time.estimated_total_duration_ns)}
        {interval && interval[1] > interval[0] && <small> {duration(interval[0])} to {duration(interval[1])}</small>}</Fact>
      <Fact name="bytes" id="bytes">{bytes(m.bytes)}</Fact>
      <Fact name="wall">{duration(m.uptime_seconds * 1e9)}</Fact>
      <Fact name="p99">{duration(m.p99_ns)}</Fact>
      <Fact name="errors">{exact(m.error_count)}</Fact>
      <Fact name="coverage">{report.coverage.percent == null ? "not known" : percent(report.coverage.percent)}</Fact>
      <Fact name="our overhead">{duration(m.overhead_ns)}</Fact>
    </dl>
    {(lost.length > 0 || run.unreadable_count > 0 || report.processes.some((q) => q.partial)) && <p class="lost" role="note">
      Lost: {lost.map(([why, n]) => `${exact(n)} calls (${why})`).join(", ") || "sites or latencies of some processes"}
      {run.unreadable_count > 0 && `; ${run.unreadable_count} segments could not be read`}</p>}
  </header>;
}

const timed = () => m.sampled_count + report.flushes.reduce((n, f) => n + f.sampled_count, 0);
// A few flushes of which nobody knows the time (closing three files) leave no doubt about the rest.
const isJudged = () => report.output.call_count === 0 || m.estimated_total_duration_ns != null &&
  (report.output.estimated_total_duration_ns != null || report.output.flush_count < 50);

const streamTitle = (s: Stream) => s.many && s.kind === "unknown" ? "(descriptors that are not open)"
  : s.many ? `(further streams: ${s.kind})`
  : s.path ?? (s.kind !== "none" ? s.kind : s.message_count > 0 ? "syslog, loggers" : "(all streams)");

function Findings() {
  if (report.findings.length === 0) return isJudged() ? <p class="good">Nothing here is worth changing.</p>
    : <p class="note">Too few calls were timed to say what is worth changing: {exact(timed())} of {exact(report.output.call_count)}.
      A higher sample rate times more; <code>pfprof run --rate 1</code> times every call.</p>;
  return <ol class="findings">{report.findings.map((f) => <li>
    <h3>{tie(f.title)}</h3>
    {f.saved_ns != null && <p class="worth"><small>saves about </small>{duration(f.saved_ns)} <small>{
      `95 %: ${duration(f.saved_low_ns)} to ${duration(f.saved_high_ns)}`}{f.wall_percent != null &&
      ` · ${percent(f.wall_percent)} of ${f.thread_count > 1 ? `the time of ${f.thread_count} threads` : "wall"}`}</small></p>}
    <p class="evidence">{tie(f.evidence)}.</p><p class="step">{f.next_step}</p>
  </li>)}</ol>;
}

function Spark({ fn }: { fn: Fn }) {
  const columns = new Array(24).fill(0);
  for (const b of fn.histogram) columns[Math.min(23, Math.max(0, Math.floor(Math.log2(Math.max(b.low_ns, 16)) - 4)))] += b.message_count;
  const most = Math.log(1 + Math.max(...columns));
  return <svg class="spark" viewBox="0 0 96 18" role="img" aria-label={`latencies of ${fn.name}, from 16 ns to 268 ms`}>
    {columns.map((n, i) => n > 0 && <rect x={i * 4} width="3.4" y={18 - Math.max(1, (18 * Math.log(1 + n)) / most)} height={Math.max(1, (18 * Math.log(1 + n)) / most)} />)}</svg>;
}

function SiteDetail({ site }: { site: Site }) {
  const stacks = report.stacks.filter((s) => s.function === site.function && s.frames[0]?.module === site.module && s.frames[0].offset === site.offset)
    .sort((a, b) => b.message_count - a.message_count).slice(0, 3);
  return <div>
    <p>{site.file ? `${site.file}:${site.line}` : `${site.module}+0x${site.offset.toString(16)}`} · timed {exact(site.sampled_count)} of {exact(site.message_count)}
      {site.estimated_total_interval_ns && ` · 95 %: ${duration(site.estimated_total_interval_ns[0])} to ${duration(site.estimated_total_interval_ns[1])}`}</p>
    {site.templates.filter((t) => t.text).slice(0, 3).map((t) => <p>says <code>{t.text!.trim()}</code>, about {short(t.message_count)} times</p>)}
    {stacks.map((s) => <><p>a call stack of about {short(s.message_count)} calls</p><ol class="stack">{s.frames.map((f) => <li>{place(f)}</li>)}</ol></>)}
  </div>;
}

function Bars({ title, rows }: { title: string; rows: [string, number][] }) {
  const most = Math.max(1, ...rows.map((r) => r[1]));
  return <table class="bars"><caption class="hidden">{title}</caption><tbody>
    {rows.map(([name, n]) => <tr><th scope="row">{name}</th><td><span class="track">{n > 0 && <span style={{ width: `${(100 * n) / most}%` }} />}</span></td><td>{short(n)}</td></tr>)}
  </tbody></table>;
}

function save(name: string, type: string, content: string) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([content], { type }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
function folded() {
  return report.paths.samples.filter((s) => s.values[0] >= 1).map((s) =>
    `${s.frames.map((f) => report.paths.lines[f].name.replaceAll(";", ":")).join(";")} ${Math.round(s.values[0])}`).join("\n") + "\n";
}

function Sizes() {
  const last = report.size_classes.findLastIndex((n) => n > 0);
  const label = (i: number) => (i === 0 ? "0 B" : i === 16 ? "32 KiB and more" : i === 1 ? "1 B" : `${bytes(2 ** (i - 1))} to ${bytes(2 ** i - 1)}`);
  return <Bars title="write sizes of timed calls" rows={report.size_classes.slice(0, last + 1).map((n, i) => [label(i), n])} />;
}

function App() {
  const sites = [...report.call_sites, ...report.flush_sites].sort((a, b) => cost(b) - cost(a));
  const functions = [...report.functions, ...report.flushes];
  const errors = functions.flatMap((f) => Object.entries(f.errors).map(([name, n]) => [`${f.name} ${name}`, n] as [string, number])).sort((a, b) => b[1] - a[1]);
  const levels = Object.entries(report.levels), said = report.templates.filter((t) => t.text);
  const links: [string, string][] = [["findings", "Findings"], ["time", "Over time"], ["functions", "Functions"], ["sites", "Call sites"],
    ["paths", "Call paths"], ["streams", "Streams"], ["threads", "Threads"], ["messages", "Messages"], ["downloads", "Downloads"]];
  return <>
    <a class="skip" href="#main">skip to the report</a>
    <Header />
    <nav class="toc" aria-label="sections">{links.map(([id, title]) => <a href={`#${id}`}>{title}</a>)}</nav>
    <main id="main">
      <Section id="findings" title="Findings"><Findings /></Section>
      <Section id="time" title="Over time">{report.timeline ? <Timeline data={report.timeline} />
        : <p class="note">No timeline was kept; <code>pfprof run --save</code> and <code>pfprof record</code> keep one.</p>}</Section>
      <Section id="functions" title="Functions"><Table<Fn> caption="output functions" rows={functions} columns={[
        { title: "function", left: true, text: (f) => f.name, value: (f) => f.name }, ...numbers(functions), ...reasons,
        { title: "latency", left: true, text: (f) => <Spark fn={f} /> }]} /></Section>
      <Section id="sites" title="Call sites"><Table<Site> caption="call sites, dearest first" rows={sites} open={(s) => <SiteDetail site={s} />} columns={[
        { title: "place", left: true, text: place, value: place }, { title: "function", left: true, text: (s) => s.function, value: (s) => s.function },
        ...numbers(sites), ...reasons]} /></Section>
      <Section id="paths" title="Call paths"><Icicle paths={report.paths} /></Section>
      <Section id="streams" title="Streams"><Table<Stream> caption="streams" rows={report.streams} columns={[
        { title: "stream", left: true, text: streamTitle, value: streamTitle },
        { title: "kind", left: true, text: (s) => s.kind, value: (s) => s.kind }, ...numbers(report.streams),
        { title: "flushes", text: (s) => short(s.flushes.message_count), value: (s) => s.flushes.message_count },
        { title: "their time", text: (s) => duration(s.flushes.message_count ? s.flushes.estimated_total_duration_ns : null), value: (s) => s.flushes.estimated_total_duration_ns },
        { title: "tiny", text: (s) => short(s.tiny_write_count), value: (s) => s.tiny_write_count }]} /></Section>
      <Section id="threads" title="Threads"><Table<Thread> caption="threads" rows={report.threads} columns={[
        { title: "thread", left: true, text: (t) => `${t.name} ${t.tid}`, value: (t) => t.tid }, ...numbers(report.threads),
        { title: "of wall", text: (t) => (t.output_share_is_limit ? "≤ 100 %" : percent(t.output_share_percent)), value: (t) => t.output_share_percent },
        { title: "longest", text: (t) => duration(t.longest_stall_ns || null), value: (t) => t.longest_stall_ns }]} /></Section>
      <Section id="messages" title="Messages">
        <div class="columns">
          <div><h3>Write sizes <small>of {exact(m.sampled_count)} timed calls</small></h3><Sizes /></div>
          <div><h3>Levels</h3>{levels.length ? <Bars title="levels" rows={levels} /> : <p class="note">none found</p>}
            <h3>Errors</h3>{errors.length ? <Bars title="errors" rows={errors} /> : <p class="note">no call failed</p>}</div>
        </div>
        <h3>Templates</h3>{said.length ? <Table caption="message templates" rows={said} columns={[
          { title: "text", left: true, text: (t) => <code>{t.text!.trim()}</code>, value: (t) => t.text },
          { title: "messages", text: (t) => short(t.message_count), value: (t) => t.message_count }]} /> : <p class="note">no constant formats were seen</p>}
      </Section>
      <Section id="downloads" title="Downloads"><p class="tabs">
        <button onClick={() => save("pfprof.json", "application/json", text)}>JSON, everything</button>
        <button onClick={() => save("pfprof.folded", "text/plain", folded())}>folded stacks</button></p></Section>
    </main>
    <footer>Counts and bytes are exact; times are estimates from {exact(m.sampled_count)} timed calls, with 95 % intervals.</footer>
  </>;
}

document.title = `pfprof: ${report.run.command || report.process.program}`;
render(<App />, document.getElementById("app")!);
