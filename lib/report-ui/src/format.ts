// SPDX-License-Identifier: Apache-2.0
// Numbers as the text summary writes them.
import type { Place } from "./types";

const three = (x: number) => (x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2));

export function duration(ns: number | null | undefined): string {
  if (ns == null || ns < 0) return "–";
  if (ns < 999.5) return `${ns.toFixed(0)} ns`;
  if (ns < 999.5e3) return `${three(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${three(ns / 1e6)} ms`;
  return `${three(ns / 1e9)} s`;
}
export function bytes(n: number | null | undefined): string {
  if (n == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 999.5 && i < units.length - 1; i++) n /= 1024;
  return i === 0 ? `${n.toFixed(0)} B` : `${three(n)} ${units[i]}`;
}
export function short(n: number | null | undefined): string {
  if (n == null) return "–";
  return n < 9999.5 ? n.toFixed(n < 100 && n % 1 ? 1 : 0)
    : n < 999.5e3 ? `${three(n / 1e3)}k` : n < 999.5e6 ? `${three(n / 1e6)}M` : `${three(n / 1e9)}G`;
}
export const exact = (n: number) => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
export const percent = (x: number | null | undefined) =>
  x == null ? "–" : x < 0.05 ? "0 %" : `${x.toFixed(x < 10 ? 1 : 0)} %`;
export function place(p: Place): string {
  const file = p.file?.split("/").slice(-2).join("/");
  if (file) return `${file}:${p.line}${p.source_function ? ` in ${p.source_function}` : ""}`;
  const module = p.module.split("/").pop();
  if (!module && !p.offset) return "(per function only)";
  if (p.source_function) return `${p.source_function} in ${module}`;
  return p.symbol ? `${p.symbol} in ${module}` : `${module}+0x${p.offset.toString(16)}`;
}
// A number stays on one line with its unit.
export const tie = (text: string) => text.replace(/(\d) (?=(ns|µs|ms|s|%|B|KiB|MiB|GiB)\b|%|\d{3}\b)/g, "$1\u00a0");
export const unit = (value: number, u: string) =>
  u === "nanoseconds" ? duration(value) : u === "bytes" ? bytes(value) : short(value);
