// The plate of a lot: its photographs, one large and the others as small ones to choose from, or the drawing of its category.
//
// V1. A photograph that does not load is left out; when none is left, the drawing stands in its place. The plate keeps its size
//     all the while, so nothing below it moves.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Lot } from "../../client/client.ts";
import { LotDrawing } from "./drawings.tsx";

export function Pictures({ lot, title }: { readonly lot: Lot | null; readonly title: string }): JSX.Element {
  const [broken, setBroken] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<string | null>(null);
  useEffect(() => setChosen(null), [lot?.lotId]);
  const images = [...new Set(lot?.images ?? [])].filter((address) => !broken.has(address));
  const shown = images.find((address) => address === chosen) ?? images[0];
  const leaveOut = (address: string): void => setBroken((before) => new Set(before).add(address));
  return (
    <div class="pictures">
      <div class="plate">
        {shown === undefined ? (
          <LotDrawing category={lot?.category} title={title} />
        ) : (
          <img key={shown} src={shown} alt={altText(title, images.indexOf(shown), images.length)} onError={() => leaveOut(shown)} />
        )}
      </div>
      {images.length > 1 && (
        <ul class="thumbs" aria-label="Photographs">
          {images.map((address, at) => (
            <li key={address}>
              <button type="button" aria-label={`Photograph ${at + 1} of ${images.length}`} aria-pressed={address === shown} onClick={() => setChosen(address)}>
                <img src={address} alt="" loading="lazy" onError={() => leaveOut(address)} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function altText(title: string, at: number, count: number): string {
  return count === 1 ? title : `${title}, photograph ${at + 1} of ${count}`;
}
