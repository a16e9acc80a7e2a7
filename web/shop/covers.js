// @ts-check
// Pictures of products, drawn from name and category, so that the demo needs no image files and no other server.
import { svg } from '../shared/dom.js';

/** @typedef {(random: () => number, colors: string[]) => SVGElement[]} Motif */

/** @typedef {{ grounds: string[], colors: string[], motifs: Motif[] }} Style */

/** Per category: colors of the ground and of the motif. @type {Record<string, Style>} */
const styles = {
  kitchen: {
    grounds: ['#e9dcc9', '#d8c7b4', '#e6d0c4'],
    colors: ['#b5532f', '#f6efe4', '#2f3b45'],
    motifs: [plates],
  },
  home: {
    grounds: ['#d9ddd0', '#c6cfbd', '#e5dccb'],
    colors: ['#5f7355', '#f3efe6', '#c98b4a'],
    motifs: [arches, arches, plates],
  },
  office: {
    grounds: ['#dcdfe6', '#c7cfdd', '#ebe4d3'],
    colors: ['#2d4a7c', '#fbfaf7', '#d9a441'],
    motifs: [sheets],
  },
  outdoor: {
    grounds: ['#cfe0e2', '#f0dfc6', '#bfd4cf'],
    colors: ['#2f5d50', '#6f9a84', '#e8a33d'],
    motifs: [hills],
  },
  cycling: {
    grounds: ['#e6d8dc', '#d9c4cb', '#ded9e0'],
    colors: ['#7a2e44', '#f7f1f2', '#2b2f3a'],
    motifs: [wheels],
  },
  audio: {
    grounds: ['#d8d3e3', '#c5bdd9', '#ecd9d3'],
    colors: ['#4a3f78', '#f4f1f9', '#d6684f'],
    motifs: [waves, waves, plates],
  },
};

/** @type {Style} */
const other = { grounds: ['#dedede'], colors: ['#4c5566', '#f5f5f5', '#b08d57'], motifs: [arches] };

/**
 * Draws the cover of a product: always the same one for the same name.
 * @param {{ name: string, category?: string | undefined }} product
 */
export function coverOf({ name, category = '' }) {
  const { grounds, colors, motifs } = styles[category] ?? other;
  const random = randomFrom(name);
  const fill = grounds[Math.floor(random() * grounds.length)];
  const motif = motifs[Math.floor(random() * motifs.length)] ?? arches;
  return svg(
    'svg',
    { viewBox: '0 0 400 300', class: 'cover', 'aria-hidden': 'true', preserveAspectRatio: 'xMidYMid slice' },
    svg('rect', { width: 400, height: 300, fill }),
    ...motif(random, colors),
  );
}

/** @type {Motif} */
function plates(random, [dark, light, line]) {
  const [x, y, r] = [150 + random() * 100, 130 + random() * 40, 80 + random() * 30];
  const small = 28 + random() * 22;
  return [
    svg('circle', { cx: x, cy: y, r, fill: light }),
    svg('circle', { cx: x, cy: y, r: r * 0.68, fill: 'none', stroke: dark, 'stroke-width': 3 }),
    svg('circle', { cx: x, cy: y, r: r * (0.2 + random() * 0.3), fill: dark }),
    svg('circle', { cx: x > 200 ? 70 : 330, cy: 225, r: small, fill: line }),
    svg('circle', { cx: x > 200 ? 70 : 330, cy: 225, r: small * 0.55, fill: light, opacity: 0.85 }),
  ];
}

/** @type {Motif} */
function arches(random, [dark, light, warm]) {
  const count = 2 + Math.floor(random() * 2);
  const width = 340 / count;
  const shapes = Array.from({ length: count }, (_, index) => {
    const [w, height] = [width * (0.62 + random() * 0.28), 120 + random() * 110];
    const x = 30 + index * width + (width - w) / 2;
    const d = `M${x} 300 V${300 - height} a${w / 2} ${w / 2} 0 0 1 ${w} 0 V300 Z`;
    return svg('path', { d, fill: [dark, light, warm][(index + Math.floor(random() * 3)) % 3] });
  });
  return [...shapes, svg('circle', { cx: 60 + random() * 280, cy: 50 + random() * 20, r: 18, fill: warm })];
}

/** @type {Motif} */
function sheets(random, [dark, light, warm]) {
  const tilt = -12 + random() * 24;
  const lines = Array.from({ length: 5 }, (_, index) =>
    svg('rect', {
      x: 150,
      y: 92 + index * 26,
      width: 50 + random() * 55,
      height: 5,
      rx: 2.5,
      fill: dark,
      opacity: 0.7,
    }),
  );
  return [
    svg('rect', { x: 118, y: 48, width: 160, height: 210, rx: 8, fill: dark, transform: `rotate(${tilt} 200 150)` }),
    svg('rect', { x: 125, y: 55, width: 160, height: 200, rx: 6, fill: light }),
    ...lines,
    svg('rect', { x: 235 + random() * 25, y: 55, width: 18, height: 50 + random() * 60, fill: warm }),
  ];
}

/** @type {Motif} */
function hills(random, [dark, mid, sun]) {
  const peak = () => 90 + random() * 220;
  const ridge = (/** @type {number} */ top) => {
    const x = peak();
    return `M-20 300 L${x - 60} ${top + 60} L${x} ${top} L${x + 80} ${top + 70} L420 ${230 + random() * 40} V300 Z`;
  };
  return [
    svg('circle', { cx: 70 + random() * 260, cy: 75 + random() * 25, r: 26 + random() * 16, fill: sun }),
    svg('path', { d: ridge(90 + random() * 30), fill: mid }),
    svg('path', { d: ridge(150 + random() * 40), fill: dark }),
  ];
}

/** @type {Motif} */
function wheels(random, [dark, light, ink]) {
  const r = 58 + random() * 16;
  const wheel = (/** @type {number} */ x) => [
    svg('circle', { cx: x, cy: 190, r, fill: 'none', stroke: ink, 'stroke-width': 9 }),
    svg('circle', { cx: x, cy: 190, r: r - 14, fill: 'none', stroke: light, 'stroke-width': 4 }),
    svg('circle', { cx: x, cy: 190, r: 7, fill: dark }),
  ];
  const [x, y] = [185 + random() * 30, 85 + random() * 20];
  const frame = `M110 190 L${x - 25} ${y + 10} L${x + 55} ${y + 5} L290 190 M${x - 25} ${y + 10} L${x + 5} 190 L${x + 55} ${y + 5} M110 190 H${x + 5}`;
  return [
    ...wheel(110),
    ...wheel(290),
    svg('path', { d: frame, fill: 'none', stroke: dark, 'stroke-width': 8, 'stroke-linejoin': 'round' }),
  ];
}

/** @type {Motif} */
function waves(random, [dark, light, warm]) {
  const bars = Array.from({ length: 13 }, (_, index) => {
    const height = 30 + random() * 150 * Math.sin(((index + 1) / 14) * Math.PI);
    return svg('rect', {
      x: 50 + index * 24,
      y: 150 - height / 2,
      width: 12,
      height,
      rx: 6,
      fill: index % 5 === 2 ? warm : dark,
    });
  });
  return [svg('circle', { cx: 200, cy: 150, r: 110 + random() * 20, fill: light }), ...bars];
}

/**
 * Numbers from 0 to 1, the same ones for the same text (FNV-1a, then xorshift).
 * @param {string} text
 */
function randomFrom(text) {
  let state = 0x81_1c_9d_c5;
  for (const character of text) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93);
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
