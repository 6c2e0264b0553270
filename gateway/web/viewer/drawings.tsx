// Line drawings of lots by category, so that a lot without a photograph still looks like a page of a catalogue and loads nothing.
//
// Each drawing is a list of strokes in a box of 200 by 160, in the colour of the ink. `fine` strokes are thinner: they are shading.
import type { JSX } from "preact";

interface Drawing {
  readonly words: RegExp;
  readonly lines: readonly string[];
  readonly fine: readonly string[];
}

const circle = (x: number, y: number, r: number): string => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

/** Marks on an arc around a centre, from one angle to another, in degrees clockwise from three o'clock. */
function marks(arc: {
  readonly x: number;
  readonly y: number;
  readonly inner: number;
  readonly outer: number;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}): string {
  const parts: string[] = [];
  for (let at = 0; at <= arc.count; at++) {
    const angle = ((arc.from + ((arc.to - arc.from) * at) / arc.count) * Math.PI) / 180;
    const point = (r: number): string => `${(arc.x + r * Math.cos(angle)).toFixed(1)} ${(arc.y + r * Math.sin(angle)).toFixed(1)}`;
    parts.push(`M${point(arc.inner)}L${point(arc.outer)}`);
  }
  return parts.join("");
}

const SEXTANT: Drawing = {
  words: /sextant|scientific|instrument|nautical/i,
  lines: [
    "M95 28L38 116M105 28L162 116",
    "M34 112A112 112 0 0 0 166 112L158 102A100 100 0 0 1 42 102Z",
    "M97 29L108 126M104 28L116 125M104 126L118 124L120 142L106 144Z",
    circle(100, 22, 8),
    "M88 6L112 10L111 18L87 14Z",
    "M73 66C88 74 112 74 127 66M54 96C80 110 120 110 146 96",
    "M30 50H66V66H30ZM20 53H30V63H20ZM66 53H84V63H66M76 63L72 72",
    "M126 52L138 58L130 74L118 68Z",
    circle(136, 92, 6),
    circle(146, 80, 6),
  ],
  fine: [
    marks({ x: 100, y: 22, inner: 101, outer: 107, from: 56, to: 124, count: 34 }),
    marks({ x: 100, y: 22, inner: 104, outer: 107, from: 56, to: 124, count: 68 }),
    circle(100, 22, 3),
    circle(86, 90, 9),
    circle(86, 90, 5),
    "M108 130L118 128M108 134L118 132M36 50V66M60 50V66M122 66L132 60M92 12L106 14",
    "M64 82L76 88M136 82L128 90",
  ],
};

const VIOLIN: Drawing = {
  words: /violin|music|cello|guitar|string/i,
  lines: [
    "M90 60C78 55 65 62 66 76C66.5 82 68 86 71 89L67 92C75 95 76 106 66 111L71 113C62 118 58 126 60 134C62 146 76 151 90 151C104 151 118 146 120 134C122 126 118 118 109 113L114 111C104 106 105 95 113 92L109 89C112 86 113.5 82 114 76C115 62 102 55 90 60Z",
    "M87 59L87.5 24M93 59L92.5 24M87.5 24C83 16 86 8 92 9C98 10 97 18 92 17",
    "M85 122H95L97 144H83Z",
    "M82 112C82 107 98 107 98 112M82 112V115M98 112V115",
    "M142 12C146 58 142 108 136 152M139 12L132 148M138 12H144M130 148L138 152",
  ],
  fine: ["M88.5 24V122M90 24V122M91.5 24V122", "M79 99C74 102 82 110 77 115M101 99C106 102 98 110 103 115", "M83 27H77M97 27H103M83 33H77M97 33H103"],
};

const CHAIR: Drawing = {
  words: /chair|furniture|seat|stool|table|cabinet|desk(?! lamp)|steps/i,
  lines: [
    "M64 84C62 40 74 18 100 18C126 18 138 40 136 84",
    "M70 84C68 46 80 25 100 25C120 25 132 46 130 84",
    "M50 88C50 80 150 80 150 88C152 96 142 101 100 101C58 101 48 96 50 88Z",
    "M62 98L52 152M68 100L59 152M52 152h7M138 98L148 152M132 100L141 152M141 152h7",
    "M58 122C74 116 126 116 142 122",
    "M100 118V126M80 100l-3 40M120 100l3 40M74 140h6M120 140h6",
    "M66 62C52 58 46 62 46 68L52 84M134 62C148 58 154 62 154 68L148 84",
  ],
  fine: ["M78 82L80 36M86 81L88 29M93 81V26M100 81V25M107 81V26M114 81L112 29M122 82L120 36", "M62 92c20 4 56 4 76 0"],
};

const VASE: Drawing = {
  words: /vase|ceramic|porcelain|pottery|bowl|goblet|decanter|glass(?! shade)/i,
  lines: [
    "M82 18C82 14 118 14 118 18C118 22 82 22 82 18Z",
    "M84 20C90 36 88 46 74 58C48 82 56 124 80 142H120C144 124 152 82 126 58C112 46 110 36 116 20",
    "M78 142L76 150H124L122 142",
    "M86 46C90 49 110 49 114 46M71 62C82 68 118 68 129 62",
  ],
  fine: [
    "M58 90C76 99 124 99 142 90M57 95C76 104 124 104 143 95",
    "M88 142C86 126 92 114 100 108C108 114 114 126 112 142",
    "M86 142C72 132 72 120 79 111C86 115 91 121 91 128M114 142C128 132 128 120 121 111C114 115 109 121 109 128",
    "M78 142C64 132 60 122 61 112C67 114 72 118 74 123M122 142C136 132 140 122 139 112C133 114 128 118 126 123",
    "M68 84C72 74 80 70 88 74C82 78 76 84 68 84ZM132 84C128 74 120 70 112 74C118 78 124 84 132 84ZM100 88C94 80 94 74 100 68C106 74 106 80 100 88Z",
  ],
};

const BICYCLE: Drawing = {
  words: /bicycle|bike|cycle/i,
  lines: [
    circle(50, 106, 36),
    circle(152, 106, 36),
    circle(50, 106, 32),
    circle(152, 106, 32),
    "M50 106L92 108L78 58L50 106M92 108L134 62L80 64",
    "M132 52L138 70C142 84 150 92 152 106",
    "M78 58L75 48M64 46C72 44 84 46 90 48C84 52 70 50 64 46Z",
    "M132 52L130 46H144C156 46 158 62 148 64L144 64",
    circle(92, 108, 10),
    "M92 108L102 122M98 122h9M92 108L82 94M77 94h9",
  ],
  fine: [
    marks({ x: 50, y: 106, inner: 4, outer: 32, from: 0, to: 345, count: 23 }),
    marks({ x: 152, y: 106, inner: 4, outer: 32, from: 0, to: 345, count: 23 }),
    "M50 102L92 98M50 110L92 118",
    circle(50, 106, 4),
    circle(152, 106, 4),
  ],
};

const CLOCK: Drawing = {
  words: /clock|horolog/i,
  lines: [
    "M60 142V62C60 26 140 26 140 62V142Z",
    "M66 142V64C66 34 134 34 134 64V142",
    "M50 142H150V150H50ZM54 150V154H64V150M136 150V154H146V150",
    "M86 36C84 14 116 14 114 36",
    circle(100, 76, 30),
    circle(100, 76, 26),
    "M100 76V58M100 76L114 84",
    "M78 116H122V136H78Z",
  ],
  fine: [
    marks({ x: 100, y: 76, inner: 20, outer: 25, from: 0, to: 330, count: 11 }),
    circle(100, 76, 2.5),
    "M84 122h32M84 126h32M84 130h32",
    "M92 21c4-3 12-3 16 0",
  ],
};

const WATCH: Drawing = {
  words: /watch/i,
  lines: [circle(100, 94, 50), circle(100, 94, 44), "M94 44V34H106V44", circle(100, 24, 10), "M100 94V66M100 94L122 104", circle(100, 118, 10)],
  fine: [
    marks({ x: 100, y: 94, inner: 36, outer: 42, from: 0, to: 354, count: 59 }),
    marks({ x: 100, y: 94, inner: 32, outer: 42, from: 0, to: 330, count: 11 }),
    "M100 118V111",
    circle(100, 94, 2.5),
  ],
};

const BOOK: Drawing = {
  words: /book|edition|manuscript|print(?!s? of)|library|calligraph|مخطوط/i,
  lines: [
    "M100 46C82 32 50 30 26 40V128C50 118 82 120 100 134C118 120 150 118 174 128V40C150 30 118 32 100 46Z",
    "M100 46V134",
    "M26 46H20V138C46 128 80 130 96 140H104C120 130 154 128 180 138V46H174",
    "M108 40V92L114 86L120 94V34",
  ],
  fine: [
    "M38 54C54 48 74 50 88 58M38 66C54 60 74 62 88 70M38 78C54 72 74 74 88 82M38 90C54 84 74 86 88 94M38 102C54 96 74 98 88 106",
    "M128 49C140 47 152 48 162 52M128 61C140 59 152 60 162 64M128 73C140 71 152 72 162 76M112 104C126 96 146 96 162 100M112 116C126 108 146 108 162 112",
  ],
};

const CAMERA: Drawing = {
  words: /camera|photo|lens/i,
  lines: [
    "M34 56H166C172 56 174 60 174 66V122C174 130 170 132 166 132H34C28 132 26 130 26 122V66C26 60 28 56 34 56Z",
    "M44 56V44H92L98 50H132V44H158V56",
    "M26 72H62M138 72H174M26 120H70M130 120H174",
    circle(100, 96, 34),
    circle(100, 96, 28),
    circle(100, 96, 14),
    "M50 47H62V53H50ZM140 47H152V53H140ZM82 48h6v4h-6z",
    "M52 44V36H70V44M108 50V42H120V50M140 44V40H152V44",
  ],
  fine: [
    marks({ x: 100, y: 96, inner: 29, outer: 33, from: 0, to: 352, count: 44 }),
    circle(100, 96, 20),
    "M92 88c4-4 8-5 12-4",
    "M32 80V114M38 80V114M44 80V114M50 80V114M56 80V114M150 80V114M156 80V114M162 80V114M168 80V114M144 80V114",
  ],
};

const LAMP: Drawing = {
  words: /lamp|light|lantern|chandelier/i,
  lines: [
    "M46 60C48 30 74 22 100 22C126 22 152 30 154 60Z",
    "M52 60C54 66 146 66 148 60",
    "M97 65V128M103 65V128M92 86C92 80 108 80 108 86C108 92 92 92 92 86Z",
    "M64 144C64 132 84 128 100 128C116 128 136 132 136 144V150H64Z",
    "M100 22V14M96 14h8",
    "M132 64V96",
    circle(132, 100, 3.5),
  ],
  fine: ["M60 56C62 38 78 28 96 26M74 58C76 40 86 30 98 26M140 56C138 38 122 28 104 26M126 58C124 40 114 30 102 26", "M72 144H128", "M88 110h24"],
};

const RING: Drawing = {
  words: /ring|jewel|gem|necklace|brooch|bracelet/i,
  lines: [
    circle(100, 106, 42),
    circle(100, 106, 35),
    "M82 30H118L130 46L100 74L70 46Z",
    "M70 46H130M82 30L90 46L100 74M118 30L110 46L100 74M90 46L100 30L110 46",
    "M80 58L86 68M120 58L114 68M84 66C90 72 110 72 116 66",
  ],
  fine: ["M66 96C68 86 76 78 84 74M70 116C74 128 86 136 98 138", "M56 34l-8-6M144 34l8-6M100 18V8M70 24l-5-8M130 24l5-8"],
};

const SHIP: Drawing = {
  words: /ship|boat|clipper|yacht|vessel/i,
  lines: [
    "M30 108C60 118 136 118 172 100L160 130C130 138 70 138 46 130Z",
    "M72 114V22M104 116V14M138 112V30M172 100L192 88",
    "M56 32H88C92 44 92 54 88 62H56C60 54 60 44 56 32ZM54 66H90C94 80 94 92 90 102H54C58 92 58 80 54 66Z",
    "M88 24H120C124 38 124 48 120 58H88C92 48 92 38 88 24ZM86 62H122C126 78 126 92 122 104H86C90 92 90 78 86 62Z",
    "M124 38H152C155 48 155 56 152 64H124C127 56 127 48 124 38ZM122 68H154C157 80 157 90 154 98H122C125 90 125 80 122 68Z",
    "M138 34L190 88M152 70L186 90C176 94 164 96 158 96",
    "M72 144H132M84 136L80 144M120 136L124 144",
  ],
  fine: ["M42 120C76 128 136 126 166 114", "M60 46H90M58 82H92M92 40H122M90 82H124M128 50H154M126 82H155", "M30 108L72 26M72 22L104 16L138 32"],
};

const PAINTING: Drawing = {
  words: /painting|oil|watercolour|canvas|picture|art/i,
  lines: [
    "M26 26H174V136H26Z",
    "M42 42H158V120H42Z",
    "M26 26L42 42M174 26L158 42M26 136L42 120M174 136L158 120",
    "M42 88C62 82 84 86 100 84C122 80 140 84 158 80",
    "M72 98L66 88H96L90 98ZM80 88V60L96 84H80M78 88V66L68 84",
    circle(132, 62, 8),
  ],
  fine: [
    "M30 30H170V132H30Z",
    "M46 104H96M60 110H130M108 100H154M50 116H84M112 94H150M100 114H152",
    "M54 56c4-4 8-4 12 0M108 50c4-3 7-3 10 0",
    "M110 82l8-12 6 8 8-14 14 16",
  ],
};

const MAP: Drawing = {
  words: /map|chart|atlas|globe/i,
  lines: [
    "M24 42L74 28L126 42L176 28V120L126 134L74 120L24 134Z",
    "M74 28V120M126 42V134",
    "M24 92C38 86 44 98 58 94S70 74 84 78S98 96 112 90S128 66 142 70S160 82 176 74",
    circle(146, 104, 14),
    "M146 88L150 104L146 120L142 104ZM130 104L146 100L162 104L146 108Z",
  ],
  fine: [
    "M24 98C38 92 44 104 58 100S70 80 84 84S98 102 112 96S128 72 142 76S160 88 176 80",
    "M40 38V129M58 33V125M92 33V125M108 37V130M142 37V86M160 32V88",
    "M24 60L74 46L126 60L176 46",
    "M86 54l8-6 10 4 2 8-10 4zM44 66l6-4 6 5-5 5z",
  ],
};

const TEAPOT: Drawing = {
  words: /teapot|tea|coffee|silver|tableware|急須|釜/i,
  lines: [
    "M58 78C44 112 58 140 100 140C142 140 156 112 142 78Z",
    "M66 78C68 62 132 62 134 78M58 78H142",
    circle(100, 58, 6),
    "M148 96C160 94 162 78 174 70L182 76C174 88 170 112 149 116",
    "M62 76C50 18 150 18 138 76M67 72C58 28 142 28 133 72",
    "M70 138L66 146H76M130 138L134 146H124",
  ],
  fine: [
    "M54 100H146M53 108H147",
    marks({ x: 100, y: 60, inner: 50, outer: 54, from: 40, to: 140, count: 14 }),
    marks({ x: 100, y: 60, inner: 60, outer: 64, from: 44, to: 136, count: 14 }),
    "M76 72C84 68 116 68 124 72",
  ],
};

const PADDLE: Drawing = {
  words: /$^/,
  lines: [
    "M100 18C134 18 150 38 150 62C150 86 134 104 110 108L108 146C108 152 92 152 92 146L90 108C66 104 50 86 50 62C50 38 66 18 100 18Z",
    "M100 26C128 26 142 42 142 62C142 82 128 98 100 98C72 98 58 82 58 62C58 42 72 26 100 26Z",
  ],
  fine: ["M92 120H108M92 126H108M92 132H108M92 138H108", "M74 62H126M80 54H120M80 70H120"],
};

/** In the order in which words are looked for: the particular before the general. */
const DRAWINGS: readonly Drawing[] = [VIOLIN, BICYCLE, CAMERA, CLOCK, WATCH, LAMP, SHIP, MAP, TEAPOT, BOOK, RING, SEXTANT, VASE, CHAIR, PAINTING];

/** The drawing for a lot: by its category, then by its title, else a paddle. */
function drawingFor(category: string, title: string): Drawing {
  return DRAWINGS.find(({ words }) => words.test(category)) ?? DRAWINGS.find(({ words }) => words.test(title)) ?? PADDLE;
}

/** Decoration: what it shows is in the title beside it. */
export function LotDrawing({ category, title }: { readonly category: string | null | undefined; readonly title: string }): JSX.Element {
  const { lines, fine } = drawingFor(category ?? "", title);
  return (
    <svg class="drawing" viewBox="0 0 200 160" aria-hidden="true" focusable="false">
      <path class="fine" d={fine.join("")} />
      <path d={lines.join("")} />
    </svg>
  );
}
