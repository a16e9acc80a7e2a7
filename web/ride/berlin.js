// @ts-check
// A sketch of the middle of Berlin, so that the demo needs no map tiles and no other server. Coordinates are degrees:
// east, then north.

/** @typedef {[east: number, north: number][]} Line */

/** The part of the city that the map shows at first. */
export const bounds = { west: 13.27, east: 13.49, south: 52.465, north: 52.56 };

/** Places to choose from. @type {import('./api.js').Place[]} */
export const places = [
  { latitude: 52.5251, longitude: 13.3694, address: 'Hauptbahnhof' },
  { latitude: 52.5219, longitude: 13.4132, address: 'Alexanderplatz' },
  { latitude: 52.5163, longitude: 13.3777, address: 'Brandenburger Tor' },
  { latitude: 52.5096, longitude: 13.3759, address: 'Potsdamer Platz' },
  { latitude: 52.5072, longitude: 13.3325, address: 'Zoologischer Garten' },
  { latitude: 52.5209, longitude: 13.2957, address: 'Schloss Charlottenburg' },
  { latitude: 52.5103, longitude: 13.4349, address: 'Ostbahnhof' },
  { latitude: 52.5058, longitude: 13.449, address: 'Warschauer Straße' },
  { latitude: 52.4991, longitude: 13.4183, address: 'Kottbusser Tor' },
  { latitude: 52.475, longitude: 13.401, address: 'Tempelhofer Feld' },
  { latitude: 52.542, longitude: 13.4025, address: 'Mauerpark' },
  { latitude: 52.5488, longitude: 13.3885, address: 'Gesundbrunnen' },
  { latitude: 52.4935, longitude: 13.461, address: 'Treptower Park' },
];

/** @type {[name: string, east: number, north: number][]} */
export const districts = [
  ['Charlottenburg', 13.3035, 52.5125],
  ['Moabit', 13.338, 52.529],
  ['Wedding', 13.357, 52.5495],
  ['Prenzlauer Berg', 13.426, 52.5385],
  ['Mitte', 13.3945, 52.5285],
  ['Friedrichshain', 13.456, 52.5185],
  ['Kreuzberg', 13.4, 52.502],
  ['Schöneberg', 13.35, 52.4845],
  ['Neukölln', 13.437, 52.4815],
];

/** @type {Line[]} */
export const parks = [
  // Tiergarten
  [
    [13.3355, 52.5145],
    [13.35, 52.5178],
    [13.3765, 52.5178],
    [13.3765, 52.5105],
    [13.36, 52.5092],
    [13.34, 52.5098],
  ],
  // Tempelhofer Feld
  [
    [13.388, 52.4742],
    [13.394, 52.4805],
    [13.406, 52.4822],
    [13.418, 52.4792],
    [13.42, 52.472],
    [13.409, 52.467],
    [13.394, 52.4685],
  ],
  // Volkspark Friedrichshain
  [
    [13.4265, 52.526],
    [13.432, 52.5305],
    [13.442, 52.53],
    [13.442, 52.525],
    [13.431, 52.5245],
  ],
  // Humboldthain
  [
    [13.382, 52.5445],
    [13.385, 52.548],
    [13.3885, 52.546],
    [13.386, 52.5432],
  ],
  // Schlosspark
  [
    [13.29, 52.522],
    [13.29, 52.5285],
    [13.2985, 52.5285],
    [13.3005, 52.522],
  ],
  // Treptower Park
  [
    [13.4635, 52.491],
    [13.472, 52.488],
    [13.483, 52.4825],
    [13.477, 52.481],
    [13.463, 52.4875],
  ],
  // Hasenheide
  [
    [13.411, 52.4845],
    [13.4195, 52.4855],
    [13.418, 52.482],
    [13.412, 52.4825],
  ],
];

/** The Spree and the Landwehrkanal. @type {Line[]} */
export const waters = [
  [
    [13.25, 52.533],
    [13.285, 52.5295],
    [13.296, 52.5235],
    [13.307, 52.5212],
    [13.317, 52.5168],
    [13.329, 52.518],
    [13.3395, 52.5232],
    [13.3515, 52.5186],
    [13.363, 52.52],
    [13.37, 52.5228],
    [13.378, 52.5195],
    [13.388, 52.5216],
    [13.397, 52.5214],
    [13.4045, 52.516],
    [13.413, 52.5128],
    [13.4245, 52.512],
    [13.434, 52.5082],
    [13.4455, 52.502],
    [13.456, 52.4972],
    [13.466, 52.4918],
    [13.479, 52.486],
    [13.51, 52.475],
  ],
  [
    [13.317, 52.5168],
    [13.3325, 52.5125],
    [13.345, 52.5082],
    [13.36, 52.5052],
    [13.374, 52.5],
    [13.39, 52.4976],
    [13.405, 52.4962],
    [13.418, 52.496],
    [13.43, 52.4953],
    [13.443, 52.4968],
    [13.4515, 52.4992],
  ],
];

/** @type {Line[]} */
export const roads = [
  // From Theodor-Heuss-Platz over Unter den Linden to Frankfurter Allee
  [
    [13.25, 52.508],
    [13.3215, 52.5128],
    [13.35, 52.5145],
    [13.3777, 52.5163],
    [13.397, 52.5177],
    [13.4132, 52.5219],
    [13.43, 52.5185],
    [13.454, 52.5155],
    [13.51, 52.511],
  ],
  // From Halensee over Kurfürstendamm and Yorckstraße to Sonnenallee
  [
    [13.25, 52.493],
    [13.285, 52.4965],
    [13.313, 52.5005],
    [13.3325, 52.5045],
    [13.345, 52.502],
    [13.357, 52.4965],
    [13.372, 52.4925],
    [13.395, 52.4915],
    [13.4245, 52.487],
    [13.45, 52.478],
    [13.48, 52.464],
  ],
  // From Müllerstraße over Friedrichstraße to Mehringdamm
  [
    [13.335, 52.568],
    [13.3655, 52.5445],
    [13.3785, 52.5375],
    [13.3875, 52.5265],
    [13.389, 52.515],
    [13.391, 52.5045],
    [13.387, 52.4975],
    [13.386, 52.485],
    [13.385, 52.455],
  ],
  // Schönhauser Allee
  [
    [13.412, 52.57],
    [13.4125, 52.549],
    [13.411, 52.528],
    [13.4132, 52.5219],
  ],
  // Prenzlauer Allee
  [
    [13.4132, 52.5219],
    [13.422, 52.535],
    [13.438, 52.57],
  ],
  // Landsberger Allee
  [
    [13.4132, 52.5219],
    [13.43, 52.525],
    [13.455, 52.5285],
    [13.51, 52.536],
  ],
  // From Invalidenstraße over Hauptbahnhof to Moabit
  [
    [13.3, 52.5285],
    [13.343, 52.526],
    [13.3694, 52.5262],
    [13.3875, 52.5305],
    [13.4015, 52.5335],
    [13.422, 52.535],
  ],
  // From Alexanderplatz over Kottbusser Tor to Hermannplatz
  [
    [13.4132, 52.5219],
    [13.4165, 52.511],
    [13.4183, 52.4991],
    [13.4245, 52.487],
    [13.431, 52.455],
  ],
  // From Potsdamer Platz to Schöneberg
  [
    [13.3777, 52.5163],
    [13.3759, 52.5096],
    [13.362, 52.4985],
    [13.352, 52.4855],
    [13.335, 52.455],
  ],
  // Warschauer Straße
  [
    [13.454, 52.5155],
    [13.449, 52.5058],
    [13.4455, 52.502],
    [13.4415, 52.4985],
    [13.4183, 52.4991],
    [13.391, 52.4985],
  ],
];

/** The ring of the S-Bahn. @type {Line} */
export const ring = [
  [13.2835, 52.501],
  [13.2835, 52.5105],
  [13.29, 52.521],
  [13.299, 52.53],
  [13.3285, 52.5345],
  [13.343, 52.5365],
  [13.3655, 52.543],
  [13.3885, 52.5488],
  [13.4145, 52.5493],
  [13.4275, 52.5448],
  [13.4405, 52.5413],
  [13.455, 52.534],
  [13.465, 52.5285],
  [13.4755, 52.5135],
  [13.469, 52.503],
  [13.4615, 52.4935],
  [13.4425, 52.469],
  [13.429, 52.4675],
  [13.3855, 52.4705],
  [13.365, 52.476],
  [13.3425, 52.4785],
  [13.3155, 52.4795],
  [13.2925, 52.489],
  [13.2835, 52.501],
];
