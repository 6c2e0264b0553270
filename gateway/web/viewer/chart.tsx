// The price over time as steps: extensions as ticks, own bids as filled points. The same facts stand in a table beside it.
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { AuctionView, Bid } from "../../client/client.ts";
import { useTicking } from "./live.ts";
import { moneyText } from "./money.ts";
import { bidderText, clockText } from "./words.ts";

const HEIGHT = 200;
/** The line to the present moment is drawn on this often. */
const AGE_DRAWN_MS = 10_000;
/** Drawings begin at multiples of this, so that twenty updates a second cost four drawings. */
const DRAWN_EVERY_MS = 250;
const TABLE_ROWS_MAX = 100;

interface Step {
  readonly atMs: number;
  readonly priceMinor: number;
  readonly own: boolean;
  readonly bidderNumber: number;
}

/** Rows (newest first) as the price they made, oldest first. A recompute may lower it. */
export function stepsOf(rows: readonly Bid[], own: number | null): readonly Step[] {
  const steps: Step[] = [];
  let price = 0;
  for (const row of [...rows].reverse()) {
    price = row.kind === "recomputed" ? row.amountMinor : Math.max(price, row.amountMinor);
    steps.push({ atMs: row.atMs, priceMinor: price, own: row.bidderNumber === own && row.kind === "bid" && row.gone === null, bidderNumber: row.bidderNumber });
  }
  return steps;
}

export function PriceChart({ view, rows }: { readonly view: AuctionView; readonly rows: readonly Bid[] }): JSX.Element {
  const own = view.you?.bidderNumber ?? null;
  const [open, setOpen] = useState(false);
  const steps = useMemo(() => stepsOf(rows, own), [rows, own]);
  return (
    <section class="chart" aria-labelledby="chart-title">
      <h2 id="chart-title">Price over time</h2>
      {steps.length === 0 ? (
        <p class="plot empty">The first bid draws the first step.</p>
      ) : (
        <>
          <Plot view={view} steps={steps} />
          <details onToggle={(event) => setOpen(event.currentTarget.open)}>
            <summary>The same as a table</summary>
            {open && <StepTable steps={steps} own={own} currency={view.auction.currency} />}
          </details>
        </>
      )}
    </section>
  );
}

function StepTable({ steps, own, currency }: { readonly steps: readonly Step[]; readonly own: number | null; readonly currency: string }): JSX.Element {
  const newest = steps.slice(-TABLE_ROWS_MAX).reverse();
  return (
    <table>
      <caption class="unseen">Price after each bid, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">By</th>
          <th scope="col">Price</th>
        </tr>
      </thead>
      <tbody>
        {newest.map((step, at) => (
          <tr key={steps.length - at}>
            <td>{clockText(step.atMs)}</td>
            <td>{bidderText(step.bidderNumber, own)}</td>
            <td>{moneyText(step.priceMinor, currency)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Plot({ view, steps }: { readonly view: AuctionView; readonly steps: readonly Step[] }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ view, steps });
  latest.current = { view, steps };
  const period = useTicking(() => Math.floor(nowOf(view) / AGE_DRAWN_MS));
  const { currency } = view.auction;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const night = matchMedia("(prefers-color-scheme: dark)");
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsFor(element, currency, () => latest.current.view),
        dataOf(latest.current),
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    night.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      night.removeEventListener("change", draw);
      plot.current?.destroy();
    };
  }, [currency]);
  useEffect(() => {
    const timer = setTimeout(() => plot.current?.setData(dataOf(latest.current)), nextDrawInMs());
    return () => clearTimeout(timer);
  }, [steps, view.extensions.length, view.currentPriceMinor, period]);
  return <div class="plot" ref={box} aria-hidden="true" />;
}

function nextDrawInMs(): number {
  return DRAWN_EVERY_MS - (performance.now() % DRAWN_EVERY_MS);
}

/** Server time now, while the auction runs; its end after that. */
function nowOf(view: AuctionView): number {
  return (view.endsAtMs ?? 0) - view.remainingMs();
}

function dataOf({ view, steps }: { readonly view: AuctionView; readonly steps: readonly Step[] }): uPlot.AlignedData {
  const times = steps.map((step) => step.atMs / 1_000);
  const prices = steps.map((step) => step.priceMinor);
  const own = steps.map((step) => (step.own ? step.priceMinor : null));
  const last = times.at(-1) ?? 0;
  return [
    [...times, Math.max(last, nowOf(view) / 1_000)],
    [...prices, view.currentPriceMinor ?? prices.at(-1) ?? 0],
    [...own, null],
  ];
}

function optionsFor(element: HTMLElement, currency: string, view: () => AuctionView): uPlot.Options {
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue("--ink").trim();
  const quiet = style.getPropertyValue("--quiet").trim();
  const hair = style.getPropertyValue("--hair").trim();
  const lead = style.getPropertyValue("--lead").trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: quiet, font, grid: { stroke: hair, width: 1 }, ticks: { show: false } };
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { x: { time: true }, y: { range: (_, low, high) => uPlot.rangeNum(low, high === low ? high * 1.1 + 1 : high, 0.1, true) } },
    axes: [
      { ...axis, space: 80, size: 28, grid: { show: false }, values: (_, splits) => splits.map((at) => axisTime(at * 1_000, splits)) },
      {
        ...axis,
        side: 1,
        space: 40,
        size: (_, values) => 16 + 7 * Math.max(4, ...(values ?? []).map((text) => text.length)),
        values: (_, splits) => splits.map((minor) => (Number.isInteger(minor) ? moneyText(minor, currency) : "")),
      },
    ],
    series: [
      {},
      { stroke: ink, width: 1.5, points: { show: false }, ...(stepped === undefined ? {} : { paths: stepped }) },
      { stroke: lead, paths: () => null, points: { show: true, size: 8, fill: lead, stroke: lead } },
    ],
    hooks: { draw: [(plot) => drawExtensions(plot, view(), ink)] },
  };
}

const MINUTES = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Seconds are written only where the marks are closer than a minute. */
function axisTime(atMs: number, splits: readonly number[]): string {
  const apart = (splits[1] ?? 60) - (splits[0] ?? 0);
  return (apart < 60 ? SECONDS : MINUTES).format(atMs);
}

/** A tick at the foot of the chart for each extension that was heard. */
function drawExtensions(plot: uPlot, view: AuctionView, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const extension of view.extensions) {
    const x = plot.valToPos(extension.atMs / 1_000, "x", true);
    if (x >= bbox.left && x <= bbox.left + bbox.width)
      ctx.fillRect(Math.round(x) - 1, bbox.top + bbox.height - 12 * devicePixelRatio, 2 * devicePixelRatio, 12 * devicePixelRatio);
  }
  ctx.restore();
}
