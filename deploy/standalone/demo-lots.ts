// The lots of the demo: a catalogue one would like to leaf through. Data only.
//
// Amounts are minor units of the lot's currency (JPY has none, so ¥18,000 is 18000).

export interface DemoLot {
  /** Also names the line drawing on the page. */
  readonly category: string;
  readonly title: string;
  readonly description: string;
  readonly currency: "USD" | "GBP" | "EUR" | "JPY";
  readonly openingMinor: number;
  readonly reserveMinor?: number;
  readonly buyNowMinor?: number;
}

export const DEMO_LOTS: readonly DemoLot[] = [
  {
    category: "sextant",
    currency: "GBP",
    openingMinor: 12_000,
    reserveMinor: 34_000,
    title: "Brass sextant, Heath & Co.",
    description:
      "Three-circle frame, silvered arc to 150 degrees, seven shades, in its keystone box with the certificate of examination of 1906. The index mirror is re-silvered; the telescope is not original.",
  },
  {
    category: "chair",
    currency: "EUR",
    openingMinor: 9_000,
    buyNowMinor: 42_000,
    title: "Bentwood café chair, No. 14",
    description:
      "Beech, steamed and bent, with a woven cane seat renewed in the old pattern. One of six from a closed coffee house; the other five stay with the house.",
  },
  {
    category: "vase",
    currency: "JPY",
    openingMinor: 18_000,
    reserveMinor: 60_000,
    title: "Celadon vase with lotus",
    description:
      "Porcelain, pale green glaze over a carved lotus, height 31 cm. A hairline of 2 cm at the foot, stable and old. Wooden box with a later inscription.",
  },
  {
    category: "bicycle",
    currency: "EUR",
    openingMinor: 15_000,
    title: "Steel road bicycle, 1978",
    description: "Lugged frame of 56 cm in the first paint, ten speeds, leather saddle broken in by one careful owner. New tyres and cables; ready to ride.",
  },
  {
    category: "clock",
    currency: "GBP",
    openingMinor: 25_000,
    reserveMinor: 70_000,
    buyNowMinor: 190_000,
    title: "Longcase clock, eight days",
    description: "Oak case, painted dial with a moon, movement signed in Whitby. Strikes the hours on a bell. Serviced last winter; loses a minute a week.",
  },
  {
    category: "book",
    currency: "USD",
    openingMinor: 4_000,
    title: "A voyage round the coast, two volumes",
    description: "Octavo, half calf, 24 plates of which one is supplied in facsimile. Spines rubbed, text clean. With the bookplate of a lighthouse keeper.",
  },
  {
    category: "camera",
    currency: "USD",
    openingMinor: 8_000,
    buyNowMinor: 36_000,
    title: "Folding rangefinder camera, 6 x 9",
    description: "Bellows tight, shutter true at all speeds but the slowest, rangefinder set. Leather case with a mended strap and two spools.",
  },
  {
    category: "violin",
    currency: "EUR",
    openingMinor: 60_000,
    reserveMinor: 180_000,
    title: "Violin, Mittenwald school",
    description: "One-piece back, golden brown varnish, length of back 357 mm. A repaired crack on the treble side, set up and playable. Without bow.",
  },
  {
    category: "lamp",
    currency: "GBP",
    openingMinor: 3_500,
    title: "Banker's desk lamp",
    description:
      "Brass with a green cased glass shade, rewired and tested. A chip of a few millimetres at the rim that nobody will find but the honest cataloguer.",
  },
  {
    category: "ring",
    currency: "USD",
    openingMinor: 22_000,
    reserveMinor: 65_000,
    title: "Garnet cluster ring",
    description: "Nine Bohemian garnets in 14 ct gold, about 1890. Size 53, can be altered by two sizes. In a velvet box that is as old as the ring.",
  },
  {
    category: "ship",
    currency: "GBP",
    openingMinor: 18_000,
    title: "Model of the brig Ann, 1:64",
    description: "Pear and box wood, planked on frames, rigged with linen. Nine years of somebody's evenings. Glass case included; collection from Bristol.",
  },
  {
    category: "painting",
    currency: "EUR",
    openingMinor: 35_000,
    reserveMinor: 90_000,
    title: "Harbour in the morning, oil on board",
    description: "41 by 33 cm, signed at the lower right, dated 1924. Light surface dirt; an old frame with losses. From the painter's family.",
  },
  {
    category: "map",
    currency: "USD",
    openingMinor: 5_500,
    buyNowMinor: 24_000,
    title: "Sea chart of the North Atlantic",
    description: "Copper engraving with later hand colour, 1794, with the banks, the soundings and one island that is not there. Old folds, backed with linen.",
  },
  {
    category: "teapot",
    currency: "JPY",
    openingMinor: 9_000,
    title: "Iron teapot with hailstones",
    description: "Cast iron with a bronze lid, 1.2 litres, the hailstone pattern crisp. Rust of use inside, none outside. Sings before it boils.",
  },
  {
    category: "sextant",
    currency: "EUR",
    openingMinor: 7_500,
    title: "Box sextant, pocket size",
    description: "Lacquered brass, 7 cm, with its screw cap that serves as the handle. Reads to one minute. For a coat pocket and a clear evening.",
  },
  {
    category: "chair",
    currency: "USD",
    openingMinor: 14_000,
    reserveMinor: 30_000,
    title: "Windsor armchair, yew and elm",
    description: "Pierced splat, crinoline stretcher, seat of one elm plank. An old repair to one arm. Sat in daily until last month.",
  },
  {
    category: "vase",
    currency: "GBP",
    openingMinor: 6_000,
    title: "Studio vase, ash glaze",
    description: "Thrown and altered stoneware, 22 cm, impressed mark. The glaze ran where the kiln wanted it to.",
  },
  {
    category: "bicycle",
    currency: "GBP",
    openingMinor: 20_000,
    buyNowMinor: 65_000,
    title: "Touring bicycle with randonneur racks",
    description: "Reynolds tubing, 54 cm, hand-made racks, three chainrings. It has seen both ends of the country and would do so again.",
  },
  {
    category: "clock",
    currency: "USD",
    openingMinor: 11_000,
    title: "Ship's chronometer, two days",
    description: "In gimbals, in a three-part mahogany box, with key. Rate of plus 1.8 s a day over a fortnight's trial.",
  },
  {
    category: "book",
    currency: "EUR",
    openingMinor: 6_500,
    reserveMinor: 16_000,
    title: "Herbal with 112 woodcuts",
    description: "Folio, pigskin over boards, one clasp of two. Old notes in the margins by at least three physicians who disagreed.",
  },
  {
    category: "camera",
    currency: "JPY",
    openingMinor: 25_000,
    title: "Twin-lens reflex with case",
    description: "f/3.5 taking lens free of haze, waist-level finder clean. Film counter works. With a strap, a hood and a handwritten manual.",
  },
  {
    category: "violin",
    currency: "USD",
    openingMinor: 9_000,
    title: "Three-quarter violin for a young player",
    description: "Sound, in tune, with bow and a case that has travelled. May it be practised on.",
  },
  {
    category: "lamp",
    currency: "EUR",
    openingMinor: 12_000,
    buyNowMinor: 48_000,
    title: "Ship's anchor lamp, copper",
    description: "Fresnel lens without a chip, burner complete, converted to electricity and convertible back. 52 cm.",
  },
  {
    category: "ring",
    currency: "GBP",
    openingMinor: 16_000,
    title: "Signet ring with a heron",
    description: "18 ct gold, engraved by hand, worn smooth at the edges. Size P. No arms of anybody living.",
  },
  {
    category: "ship",
    currency: "EUR",
    openingMinor: 4_500,
    title: "Ship in a bottle, three masts",
    description: "Full sail before a village with a church. Signed on the cork. How it got in is between the maker and the bottle.",
  },
  {
    category: "painting",
    currency: "USD",
    openingMinor: 18_000,
    title: "Still life with lemons",
    description: "Oil on canvas, 50 by 40 cm, unsigned, about 1950. Cleaned and relined. The lemons look bought yesterday.",
  },
  {
    category: "map",
    currency: "GBP",
    openingMinor: 8_500,
    reserveMinor: 20_000,
    title: "Town plan with every garden",
    description: "Surveyed 1849, lithographed in two sheets, joined. Shows each tree that stood then; eleven stand still.",
  },
  {
    category: "teapot",
    currency: "GBP",
    openingMinor: 5_000,
    buyNowMinor: 19_000,
    title: "Silver-plated teapot, bachelor's size",
    description: "Two cups exactly. Ebony finial, light wear to the plate at the spout. Pours without a drip, which is rarer than it should be.",
  },
];
