// SPDX-License-Identifier: Apache-2.0
// The icicle graph of call paths: the program above, the output function below; a click goes in.
import { useMemo, useState } from "preact/hooks";
import { percent, unit } from "./format";
import type { Paths } from "./types";

interface Node { name: string; where: string; value: number; children: Map<string, Node>; parent: Node | null }
const ROW = 24;

function grow(paths: Paths, kind: number): Node {
  const root: Node = { name: "all", where: "", value: 0, children: new Map(), parent: null };
  for (const sample of paths.samples) {
    const value = sample.values[kind];
    if (value <= 0) continue;
    let at = root;
    at.value += value;
    for (const index of sample.frames) {
      const line = paths.lines[index], key = line.name;
      let next = at.children.get(key);
      if (!next) at.children.set(key, next = { name: line.name, where: line.file ? `${line.file}:${line.line}` : "", value: 0, children: new Map(), parent: at });
      next.value += value;
      at = next;
    }
  }
  return root;
}

export function Icicle({ paths }: { paths: Paths }) {
  const [kind, setKind] = useState(0);
  const [focus, setFocus] = useState<Node | null>(null);
  const root = useMemo(() => grow(paths, kind), [kind]);
  const top = focus ?? root;
  const boxes: { node: Node; x: number; w: number; depth: number }[] = [];
  const lay = (node: Node, x: number, w: number, depth: number) => {
    if (w < 0.25 || depth > 60) return;
    boxes.push({ node, x, w, depth });
    let at = x;
    for (const child of [...node.children.values()].sort((a, b) => b.value - a.value)) {
      const part = (w * child.value) / node.value;
      lay(child, at, part, depth + 1);
      at += part;
    }
  };
  if (root.value > 0) lay(top, 0, 100, 0);
  const above: Node[] = [];
  for (let node = top.parent; node; node = node.parent) above.unshift(node);
  const u = paths.kinds[kind].unit;
  return <>
    <div class="tabs" role="group" aria-label="what the widths mean">
      {paths.kinds.map((k, i) => <button aria-pressed={i === kind} onClick={() => { setKind(i); setFocus(null); }}>{k.name}</button>)}
    </div>
    {above.length > 0 && <nav class="crumbs" aria-label="callers">
      {above.map((n) => <><button onClick={() => setFocus(n === root ? null : n)}>{n.name}</button> › </>)}<b>{top.name}</b></nav>}
    {root.value <= 0 && <p class="note">No time was lost this way.</p>}
    <div class="icicle" style={{ height: `${(Math.max(0, ...boxes.map((b) => b.depth)) + 1) * ROW}px` }}>
      {boxes.map(({ node, x, w, depth }) => <button class={`box hue${(node.name.length * 7 + node.name.charCodeAt(0)) % 6}`}
        style={{ left: `${x}%`, width: `${w}%`, top: `${depth * ROW}px` }} onClick={() => setFocus(node === root ? null : node)}
        title={`${node.name}\n${node.where}\n${unit(node.value, u)}, ${percent((100 * node.value) / root.value)}`}
        aria-label={`${node.name}: ${unit(node.value, u)}, ${percent((100 * node.value) / root.value)}`}>
        {w > 2 ? node.name : ""}</button>)}
    </div>
    <p class="note" data-total={root.value}>{paths.kinds[kind].name} in all: {unit(root.value, u)}</p>
  </>;
}
