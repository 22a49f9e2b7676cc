// SPDX-License-Identifier: Apache-2.0
// A table whose columns sort by a click or a key, and whose rows can open.
import { Fragment, type ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface Column<T> {
  title: string; text: (row: T) => ComponentChildren; value?: (row: T) => number | string | null;
  left?: boolean; bar?: (row: T) => number;
}
const MOST = 25;

export function Table<T>({ caption, columns, rows, open }: {
  caption: string; columns: Column<T>[]; rows: T[]; open?: (row: T) => ComponentChildren;
}) {
  const [sort, setSort] = useState<[number, number] | null>(null);
  const [all, setAll] = useState(false);
  const [opened, setOpened] = useState<Set<T>>(new Set());
  const value = sort && columns[sort[0]].value;
  const sorted = value ? [...rows].sort((a, b) => {
    const [x, y] = [value(a) ?? -1, value(b) ?? -1];
    return (x < y ? -1 : x > y ? 1 : 0) * sort[1];
  }) : rows;
  const toggle = (row: T) => {
    const next = new Set(opened);
    if (!next.delete(row)) next.add(row);
    setOpened(next);
  };
  return <div class="scroll" tabIndex={0} role="group" aria-label={`table: ${caption}`}>
    <table>
      <caption class="hidden">{caption}</caption>
      <thead><tr>
        {columns.map((c, i) => <th scope="col" class={c.left ? "left" : ""}
          aria-sort={sort?.[0] === i ? (sort[1] > 0 ? "ascending" : "descending") : undefined}>
          {c.value ? <button onClick={() => setSort([i, sort?.[0] === i ? -sort[1] : -1])}>{c.title}
            <span aria-hidden="true">{sort?.[0] === i ? (sort[1] > 0 ? " ↑" : " ↓") : ""}</span></button> : c.title}
        </th>)}
      </tr></thead>
      <tbody>
        {(all ? sorted : sorted.slice(0, MOST)).map((row) => <Fragment>
          <tr>
            {columns.map((c, i) => <td class={c.left ? "left" : ""}>
              {c.bar && <span class="bar" aria-hidden="true" style={{ width: `${Math.min(100, 100 * c.bar(row))}%` }} />}
              {i === 0 && open ? <button class="open" aria-expanded={opened.has(row)} onClick={() => toggle(row)}>
                <span aria-hidden="true">{opened.has(row) ? "▾ " : "▸ "}</span>{c.text(row)}</button>
                : <span class="cell">{c.text(row)}</span>}
            </td>)}
          </tr>
          {opened.has(row) && open && <tr class="detail"><td class="left" colSpan={columns.length}>{open(row)}</td></tr>}
        </Fragment>)}
      </tbody>
    </table>
    {!all && rows.length > MOST && <button class="more" onClick={() => setAll(true)}>show all {rows.length}</button>}
  </div>;
}
