// @ts-check
import { h, svg } from '../shared/dom.js';
import { bounds, districts, parks, places, ring, roads, waters } from './berlin.js';
import { rounded } from './geo.js';

/** @typedef {import('./api.js').Position} Position */
/** @typedef {import('./api.js').Place} Place */
/** @typedef {{ pickup?: Position | undefined, dropoff?: Position | undefined, raider?: Position | undefined, others?: Position[] }} Markers */
/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/** Units of the drawing per degree of latitude; a unit is about 11 m. */
const scale = 10_000;
/** A degree of longitude is shorter than one of latitude. */
const shrink = Math.cos((52.51 * Math.PI) / 180);

/** @type {Box} */
const city = {
  x: 0,
  y: 0,
  width: (bounds.east - bounds.west) * shrink * scale,
  height: (bounds.north - bounds.south) * scale,
};

/**
 * Where a position is on the drawing.
 * @param {Position} position
 */
export function pointOf({ latitude, longitude }) {
  return { x: (longitude - bounds.west) * shrink * scale, y: (bounds.north - latitude) * scale };
}

/**
 * The position at a point of the drawing.
 * @param {{ x: number, y: number }} point
 */
export function positionAt({ x, y }) {
  return rounded({ latitude: bounds.north - y / scale, longitude: bounds.west + x / (shrink * scale) });
}

/**
 * A map without tiles: a sketch of the city with markers.
 * @param {object} options
 * @param {string} options.label what it shows, for screen readers
 * @param {boolean} [options.isClose] shows the part with the markers, not the whole city
 * @param {(place: Place) => void} [options.onPick] runs after a click, with a place of the list if one is near
 * @returns {{ element: HTMLElement, show(markers: Markers): void }}
 */
export function createMap({ label, isClose = false, onPick }) {
  const marks = svg('g');
  const raider = svg('g', { class: 'raider' }, ...bike());
  const drawing = svg(
    'svg',
    { class: onPick ? 'can-pick' : '', role: 'img', 'aria-label': label, click: pick },
    ...ground(),
    marks,
    raider,
  );
  const element = h('div', { class: 'map' }, drawing);
  /** @type {Markers} */
  let shown = {};
  new ResizeObserver(() => show(shown)).observe(element);
  show({});
  return { element, show };

  /** @param {Markers} markers */
  function show(markers) {
    shown = markers;
    const { pickup, dropoff, raider: bikeAt, others = [] } = markers;
    const known = [pickup, dropoff, bikeAt, ...others].filter((one) => one !== undefined).map(pointOf);
    const box = isClose && known.length > 0 ? around(known) : cityWith(known);
    drawing.setAttribute('viewBox', `${box.x} ${box.y} ${box.width} ${box.height}`);
    // Markers and names keep their size on the screen, and do not get too small on that of a phone.
    const size = (box.width / city.width) * Math.min(1.6, Math.max(1, 560 / (element.clientWidth || 560)));
    drawing.style.setProperty('--size', String(size));
    marks.replaceChildren(
      ...(pickup && dropoff ? [way(pointOf(pickup), pointOf(dropoff))] : []),
      ...others.map((one) => marker(pointOf(one), size, svg('circle', { class: 'open', r: 13 }))),
      ...(pickup ? [marker(pointOf(pickup), size, ...pin('A', 'pickup'))] : []),
      ...(dropoff ? [marker(pointOf(dropoff), size, ...pin('B', 'dropoff'))] : []),
    );
    raider.toggleAttribute('hidden', bikeAt === undefined);
    if (!bikeAt) return;
    const { x, y } = pointOf(bikeAt);
    // A property of the style sheet moves smoothly, an attribute does not.
    raider.style.transform = `translate(${x}px, ${y}px) scale(${size})`;
  }

  /** @param {Event} event */
  function pick(event) {
    const matrix = drawing.getScreenCTM();
    if (!onPick || !matrix || !(event instanceof MouseEvent)) return;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    // The width of a finger.
    const reach = 16 / matrix.a;
    const near = places.find((place) => {
      const { x, y } = pointOf(place);
      return Math.hypot(x - point.x, y - point.y) <= reach;
    });
    onPick(near ?? { ...positionAt(point), address: '' });
  }
}

/** The city, below the markers. */
function ground() {
  const { x, y, width, height } = city;
  return [
    svg('rect', { class: 'land', x: x - width, y: y - height, width: width * 3, height: height * 3 }),
    ...parks.map((line) => svg('path', { class: 'park', d: `${curve(line)} Z` })),
    ...waters.map((line, index) => svg('path', { class: index === 0 ? 'river' : 'canal', d: curve(line) })),
    ...roads.map((line) => svg('path', { class: 'road', d: curve(line) })),
    svg('path', { class: 'ring', d: curve(ring) }),
    ...districts.map(([name, longitude, latitude]) =>
      svg('text', { class: 'district', ...pointOf({ latitude, longitude }) }, name),
    ),
    ...places.map((place) => {
      const { x: cx, y: cy } = pointOf(place);
      return svg('circle', { class: 'place', cx, cy }, svg('title', {}, place.address));
    }),
  ];
}

/**
 * A smooth path through points (Catmull-Rom).
 * @param {import('./berlin.js').Line} line
 */
function curve(line) {
  const points = line.map(([longitude, latitude]) => pointOf({ latitude, longitude }));
  const at = (/** @type {number} */ index) => points[Math.min(points.length - 1, Math.max(0, index))] ?? { x: 0, y: 0 };
  const parts = points.slice(1).map((end, index) => {
    const [before, start, after] = [at(index - 1), at(index), at(index + 2)];
    const first = `${start.x + (end.x - before.x) / 6} ${start.y + (end.y - before.y) / 6}`;
    const second = `${end.x - (after.x - start.x) / 6} ${end.y - (after.y - start.y) / 6}`;
    return `C${first} ${second} ${end.x} ${end.y}`;
  });
  return `M${at(0).x} ${at(0).y}${parts.join('')}`;
}

/**
 * @param {{ x: number, y: number }} from
 * @param {{ x: number, y: number }} to
 */
function way(from, to) {
  return svg('path', { class: 'way', d: `M${from.x} ${from.y} L${to.x} ${to.y}` });
}

/**
 * @param {{ x: number, y: number }} point
 * @param {number} size
 * @param {...SVGElement} shapes around 0, 0
 */
function marker({ x, y }, size, ...shapes) {
  return svg('g', { transform: `translate(${x} ${y}) scale(${size})` }, ...shapes);
}

/**
 * @param {string} letter
 * @param {string} name class
 */
function pin(letter, name) {
  return [
    svg('path', { class: `pin ${name}`, d: 'M0 0 C-10 -22 -30 -34 -30 -58 A30 30 0 1 1 30 -58 C30 -34 10 -22 0 0 Z' }),
    svg('text', { class: 'letter', y: -46 }, letter),
  ];
}

function bike() {
  return [
    svg('circle', { class: 'halo', r: 36 }),
    svg('circle', { class: 'wheel', cx: -15, cy: 6, r: 9 }),
    svg('circle', { class: 'wheel', cx: 15, cy: 6, r: 9 }),
    svg('path', {
      class: 'wheel',
      d: 'M-15 6 L-7 -9 H9 L15 6 M-7 -9 L-1 6 L9 -9 L8 -15 H14',
    }),
  ];
}

/**
 * The smallest box with the city and all points.
 * @param {{ x: number, y: number }[]} points
 * @returns {Box}
 */
function cityWith(points) {
  const isInside = points.every(({ x, y }) => x >= 0 && y >= 0 && x <= city.width && y <= city.height);
  return isInside ? city : around([...points, { x: 0, y: 0 }, { x: city.width, y: city.height }]);
}

/**
 * A box of the map's proportions around points, with a margin.
 * @param {{ x: number, y: number }[]} points
 * @returns {Box}
 */
function around(points) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const width = Math.max((right - left) * 1.4, ((bottom - top) * 1.6 * city.width) / city.height, city.width / 3);
  const height = (width * city.height) / city.width;
  return { x: (left + right - width) / 2, y: (top + bottom - height) / 2, width, height };
}
