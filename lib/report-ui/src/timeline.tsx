// SPDX-License-Identifier: Apache-2.0
// Calls, bytes and cost over time with a brush, and the heat map of latencies below on the same axis.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { bytes, duration, short } from "./format";
import type { Timeline as Data } from "./types";

const LEFT = 62, RIGHT = 62;
type Range = [number, number] | null;
const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function heat(canvas: HTMLCanvasElement, data: Data, range: Range, rows: [number, number]) {
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  canvas.width = box.width * ratio;
  canvas.height = box.height * ratio;
  const g = canvas.getContext("2d")!;
  g.scale(ratio, ratio);
  const [from, to] = range ?? [0, data.calls.length * data.bin_seconds];
  const wide = box.width - LEFT - RIGHT, high = box.height - 4, count = rows[1] - rows[0] + 1;
  const most = Math.max(1, ...data.octaves.flat());
  g.font = "11px system-ui, sans-serif";
  g.textAlign = "right";
  g.textBaseline = "middle";
  g.fillStyle = css("--heat");
  data.octaves.forEach((column, i) => {
    const x0 = LEFT + ((i * data.bin_seconds - from) / (to - from)) * wide;
    const x1 = LEFT + (((i + 1) * data.bin_seconds - from) / (to - from)) * wide;
    if (x1 < LEFT || x0 > LEFT + wide) return;
    column.forEach((n, octave) => {
      if (n <= 0 || octave < rows[0]) return;
      g.globalAlpha = 0.18 + (0.82 * Math.log(1 + n)) / Math.log(1 + most);
      const left = Math.max(LEFT, x0), h = high / count;
      g.fillRect(left, high - (octave - rows[0] + 1) * h, Math.max(1, Math.min(x1, LEFT + wide) - left), h - 0.5);
    });
  });
  g.globalAlpha = 1;
  g.fillStyle = css("--dim");
  for (let o = rows[0]; o <= rows[1]; o += Math.max(1, Math.ceil(count / 6)))
    g.fillText(duration(2 ** o), LEFT - 6, high - ((o - rows[0] + 0.5) * high) / count);
}

export function Timeline({ data }: { data: Data }) {
  const chart = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null);
  const plot = useRef<uPlot>();
  const [range, setRange] = useState<Range>(null);
  const octaves = data.octaves.flatMap((c) => c.map((n, i) => (n > 0 ? i : -1)).filter((i) => i >= 0));
  const rows: [number, number] = [Math.min(...octaves, 40), Math.max(...octaves, 0)];
  const latest = useRef<Range>(null);
  latest.current = range;
  useEffect(() => {
    const x = data.calls.map((_, i) => (i + 0.5) * data.bin_seconds);
    const rate = (list: number[]) => list.map((v) => v / data.bin_seconds);
    const axis = { stroke: () => css("--dim"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const make = () => new uPlot({
      width: chart.current!.clientWidth, height: 190, legend: { live: true },
      scales: { x: { time: false }, calls: {}, bytes: {}, cost: {} },
      cursor: { drag: { x: true, y: false } },
      axes: [
        { ...axis, size: 28, values: (_, v) => v.map((s) => `${+s.toFixed(3)} s`) },
        { ...axis, scale: "calls", size: LEFT, values: (_, v) => v.map((n) => `${short(n)}/s`) },
        { ...axis, scale: "cost", side: 1, size: RIGHT, grid: { show: false }, values: (_, v) => v.map((n) => `${+n.toFixed(1)} %`) },
      ],
      series: [
        { label: "time", value: (_, v) => (v == null ? "–" : `${v.toFixed(2)} s`) },
        { label: "calls", scale: "calls", stroke: () => css("--a"), width: 2, value: (_, v) => (v == null ? "–" : `${short(v)}/s`) },
        { label: "bytes", scale: "bytes", stroke: () => css("--b"), width: 2, value: (_, v) => (v == null ? "–" : `${bytes(v)}/s`) },
        { label: "time in output", scale: "cost", stroke: () => css("--c"), width: 2, value: (_, v) => (v == null ? "–" : `${v.toFixed(1)} %`) },
      ],
      hooks: { setScale: [(u, key) => {
        if (key !== "x") return;
        const { min, max } = u.scales.x;
        const whole = min! <= x[0] + 1e-9 && max! >= x[x.length - 1] - 1e-9;
        setRange(whole ? null : [min!, max!]);
      }] },
    }, [x, rate(data.calls), rate(data.bytes), rate(data.cost_ns).map((v) => v / 1e7)], chart.current!);
    plot.current = make();
    const redraw = () => {
      plot.current?.setSize({ width: chart.current!.clientWidth, height: 190 });
      heat(canvas.current!, data, latest.current, rows);
    };
    // On paper the chart is as wide as the page, and in the colours of paper.
    const media = ["(prefers-color-scheme: dark)", "print"].map((query) => matchMedia(query));
    addEventListener("resize", redraw);
    media.forEach((m) => m.addEventListener("change", redraw));
    return () => { removeEventListener("resize", redraw); media.forEach((m) => m.removeEventListener("change", redraw)); plot.current?.destroy(); };
  }, []);
  useEffect(() => heat(canvas.current!, data, range, rows), [range]);
  const inside = (i: number) => !range || ((i + 1) * data.bin_seconds > range[0] && i * data.bin_seconds < range[1]);
  const sum = (list: number[]) => list.reduce((s, v, i) => s + (inside(i) ? v : 0), 0);
  const end = data.calls.length * data.bin_seconds;
  const move = (by: number, zoom: number) => {
    const [a, b] = range ?? [0, end], middle = (a + b) / 2 + by * (b - a), half = ((b - a) / 2) * zoom;
    plot.current?.setScale("x", { min: Math.max(0, middle - half), max: Math.min(end, middle + half) });
  };
  const reset = () => plot.current?.setScale("x", { min: data.bin_seconds / 2, max: end - data.bin_seconds / 2 });
  return <>
    <div ref={chart} class="chart" role="img" aria-label="calls, bytes and time in output over time" />
    <h3>latency of calls over time</h3>
    <canvas ref={canvas} class="heat" role="img" aria-label={`heat map: time by latency from ${duration(2 ** rows[0])} to ${duration(2 ** (rows[1] + 1))}; darker means more calls`} />
    <p class="brush">
      <span aria-live="polite">{range ? `${range[0].toFixed(2)} s to ${range[1].toFixed(2)} s: ` : "the whole run: "}
        <b>{short(sum(data.calls))}</b> calls, <b>{bytes(sum(data.bytes))}</b>, <b>{duration(sum(data.cost_ns))}</b> in output</span>
      <span class="buttons">
        <button onClick={() => move(0, 0.5)}>zoom in</button><button onClick={() => move(-0.5, 1)} aria-label="earlier">←</button>
        <button onClick={() => move(0.5, 1)} aria-label="later">→</button><button onClick={reset}>whole run</button>
      </span>
    </p>
    <p class="note"><span class="screen">Drag over the chart to look closer. </span>A call counts when it ends; the time of several threads adds up. One bin is {duration(data.bin_seconds * 1e9)}.</p>
  </>;
}
