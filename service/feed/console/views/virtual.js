// A long list that renders only its visible rows. Rows may differ in height: they are measured once
// rendered, and the visible rows keep their places when others change.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";

const BEYOND = 8; // rows rendered above and below the visible ones
const BEYOND_FAST = 2; // the same during fast scrolling
const SETTLED_MS = 90; // pause that ends fast scrolling; then rows are measured, which costs a layout
const GUESS_PX = 76;
const NEAR_END = 40; // rows before the end at which more are loaded

/** The tops of all rows, and the bottom of the last. */
export function offsetsOf(ids, heights, guess = GUESS_PX) {
  const offsets = new Float64Array(ids.length + 1);
  for (let index = 0; index < ids.length; index += 1) {
    offsets[index + 1] = offsets[index] + (heights.get(ids[index]) ?? guess);
  }
  return offsets;
}

/** The last row that begins at or above a height. */
export function rowAt(offsets, px) {
  let [low, high] = [0, Math.max(0, offsets.length - 2)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle] <= px) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * @param {object} props
 * @param {string[]} props.ids
 * @param {(id: string, index: number) => object} props.row renders a row; its element has `data-row=id`
 * @param {string|null} props.chosen
 * @param {any} props.focusing when it changes, the chosen row comes into view and gets the focus
 * @param {() => void} props.onEnd called near the end of the list
 * @param {(reading: boolean) => void} props.onReading whether somebody is in the list or below its top
 */
export function VirtualList({ ids, row, chosen, focusing, onEnd, onReading, label, busy }) {
  const box = useRef(null);
  const heights = useRef(new Map());
  const anchor = useRef(null); // {index, id, into}: the row at the top edge
  const wanted = useRef(null);
  const settling = useRef(null); // the timer during fast scrolling
  const [view, setView] = useState({ top: 0, height: 800, fast: false });
  const [measured, again] = useState(0);

  const places = useMemo(() => new Map(ids.map((id, index) => [id, index])), [ids]);
  const offsets = useMemo(() => offsetsOf(ids, heights.current, guess(heights.current)), [ids, measured]);
  // Position by the anchor: the visible rows stay when the heights of rows above change.
  const top = anchored(anchor.current, places, offsets) ?? view.top;
  const beyond = view.fast ? BEYOND_FAST : BEYOND;
  const first = Math.max(0, rowAt(offsets, top) - beyond);
  const last = Math.min(ids.length, rowAt(offsets, top + view.height) + 1 + beyond);

  const look = () => {
    const { scrollTop: top, clientHeight: height } = box.current;
    const index = rowAt(offsets, top);
    anchor.current = top > 0 ? { index, id: ids[index], into: top - offsets[index] } : null;
    setView((before) => {
      if (before.top === top && before.height === height) return before;
      const fast = Math.abs(before.top - top) > height;
      if (fast || settling.current) settle();
      return { top, height, fast: fast || settling.current !== null };
    });
  };
  const latest = useRef(look);
  latest.current = look;
  const settle = () => {
    clearTimeout(settling.current);
    settling.current = setTimeout(() => {
      settling.current = null;
      setView((before) => ({ ...before, fast: false }));
    }, SETTLED_MS);
  };

  useLayoutEffect(() => {
    const resized = new ResizeObserver(() => {
      heights.current.clear(); // another width changes all heights
      again((count) => count + 1);
      latest.current(); // the latest function: the first one has the list of the first rendering
    });
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);

  // Measure the rendered rows, restore the anchor's place, and set the focus that was requested.
  useLayoutEffect(() => {
    if (view.fast) return;
    let changed = false;
    for (const element of box.current.querySelectorAll("[data-row]")) {
      const { height } = element.getBoundingClientRect();
      if (height > 0 && Math.abs((heights.current.get(element.dataset.row) ?? 0) - height) > 0.4) {
        heights.current.set(element.dataset.row, height);
        changed = true;
      }
    }
    if (anchor.current && Math.abs(top - box.current.scrollTop) > 1) box.current.scrollTop = top;
    if (changed) again((count) => count + 1);
    const element = wanted.current && find(box.current, wanted.current);
    if (element) {
      wanted.current = null;
      element.focus({ preventScroll: true });
    }
  });

  // Scroll a row chosen by key into view and focus it before the next key arrives; otherwise the
  // focus event would select the previous row again.
  const asked = useRef(focusing);
  useLayoutEffect(() => {
    const index = places.get(chosen);
    const { activeElement: active } = document;
    const byKey = asked.current !== focusing;
    asked.current = focusing;
    if (index === undefined) return;
    if (!byKey) {
      // The focused row has left the list: focus the next one.
      if (active === document.body) find(box.current, chosen)?.focus({ preventScroll: true });
      return;
    }
    const { scrollTop, clientHeight } = box.current;
    const [from, to] = [offsets[index], offsets[index + 1]];
    if (from < scrollTop) box.current.scrollTop = Math.max(0, from - 8);
    else if (to > scrollTop + clientHeight) box.current.scrollTop = to - clientHeight + 8;
    const element = find(box.current, chosen);
    if (element) element.contains(active) || element.focus({ preventScroll: true });
    else wanted.current = chosen;
    look();
  }, [chosen, focusing]);

  useEffect(() => {
    if (last > ids.length - NEAR_END) onEnd();
  }, [last, ids.length]);

  const pointer = useRef(false);
  const reading = () => {
    const focus = box.current?.querySelector(":focus-visible");
    onReading(pointer.current || Boolean(focus) || box.current.scrollTop > 0);
  };
  const inside = (is) => (event) => {
    if (event.pointerType !== "mouse") return;
    pointer.current = is;
    reading();
  };
  useEffect(
    () => () => {
      clearTimeout(settling.current);
      onReading(false);
    },
    [],
  );

  return html`
    <div class="list" ref=${box} onScroll=${() => (look(), reading())} onPointerEnter=${inside(true)}
      onPointerLeave=${inside(false)} onFocusIn=${reading} onFocusOut=${() => setTimeout(() => box.current && reading())}>
      <div class="list-whole" role="feed" aria-label=${label} aria-busy=${busy ? "true" : "false"}
        style=${{ height: `${offsets[ids.length]}px` }}>
        <div class="list-window" role="presentation" style=${{ transform: `translateY(${offsets[first]}px)` }}>
          ${ids.slice(first, last).map((id, index) => row(id, first + index))}
        </div>
      </div>
    </div>
  `;
}

/** The anchor's present distance from the top of the list; null at the list's start. */
function anchored(anchor, places, offsets) {
  if (!anchor) return null;
  const index = places.get(anchor.id) ?? Math.min(anchor.index, offsets.length - 2);
  const height = offsets[index + 1] - offsets[index];
  return offsets[index] + Math.min(anchor.into, height - 1);
}

function find(box, id) {
  return box.querySelector(`[data-row="${CSS.escape(id)}"]`);
}

/** The average height of measured rows, assumed for the others. */
function guess(heights) {
  if (!heights.size) return GUESS_PX;
  let sum = 0;
  for (const height of heights.values()) sum += height;
  return sum / heights.size;
}
