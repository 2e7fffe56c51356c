// Pictograms on a 24 x 24 grid, as SVG path data: `f` is filled, `s` is stroked.
/** @param {string} f @param {string} [s] */
const P = (f, s) => ({ f, s });

/** @type {Record<string, { f: string, s?: string }>} */
export const PICTOGRAMS = {
  // units
  fire: P('M12 2c1 4-4 6-4 11a4.6 4.6 0 0 0 9 1.500c0-2-1-3-1.2-4.5-1 .8-1.5 1.6-1.6 2.600C13 9.5 14.5 6 12 2z M12 22a7 7 0 0 1-7-7c0 4 3 7 7 7z'),
  medic: P('M9.5 4h5v5.500H20v5h-5.500V20h-5v-5.500H4v-5h5.500z'),
  police: P('M12 3l7.5 2.500v6c0 4.5-3 7.8-7.5 9.5-4.5-1.7-7.5-5-7.5-9.500v-6z'),
  works: P('M20 7.500a5 5 0 0 1-6.7 4.700l-6.6 7.2-2.9-2.9 7.4-6.400A5 5 0 0 1 16.7 4L14 6.800l.6 2.6 2.6.6z'),
  rescue: P('M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 5.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z', 'M5.7 5.700l3.5 3.500M14.8 14.800l3.5 3.500M18.3 5.700l-3.5 3.500M9.2 14.800l-3.5 3.5'),
  // sensors
  water_level: P('', 'M3 9c3-3 6 3 9 0s6 3 9 0M3 16c3-3 6 3 9 0s6 3 9 0'),
  rain: P('M12 3c4 5 6 7.5 6 11a6 6 0 0 1-12 0c0-3.5 2-6 6-11z'),
  air_quality: P('M7 18a4.5 4.5 0 0 1 0-9 5.5 5.5 0 0 1 10.5 1A4 4 0 0 1 17 18z'),
  gas: P('M12 2c1 5-5 7-5 12.500a5.5 5.5 0 0 0 11 0c0-3-2-4-2.5-7-1 1-2 2-2 4C12 9 13 6 12 2z'),
  flow: P('', 'M3 12h15M13 6l6 6-6 6'),
  temperature: P('M12 14.500a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.400z', 'M12 3v13'),
  manhole: P('', 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM8 9h8M8 12h8M8 15h8'),
  noise: P('', 'M5 10v4M9 7v10M13 4v16M17 8v8M21 11v2'),
  wind: P('', 'M3 9h11a3 3 0 1 0-3-3M3 15h14a3 3 0 1 1-3 3'),
  smoke: P('M8 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM16 6a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM15 15a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.200z'),
  // facilities
  hospital: P('M10 4h4v6h6v4h-6v6h-4v-6H4v-4h6z'),
  school: P('M12 4l10 5-10 5L2 9zM6 13v4c2 2.5 10 2.5 12 0v-4l-6 3z'),
  kindergarten: P('M12 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 21c0-5 3-8 7-8s7 3 7 8z'),
  nursing_home: P('M12 3l9 8h-3v9H6v-9H3z'),
  fire_station: P('M12 2c1 5-5 7-5 12.500a5.5 5.5 0 0 0 11 0c0-3-2-4-2.5-7-1 1-2 2-2 4C12 9 13 6 12 2z'),
  police_station: P('M12 3l7.5 2.500v6c0 4.5-3 7.8-7.5 9.5-4.5-1.7-7.5-5-7.5-9.500v-6z'),
  ambulance_station: P('M10 4h4v6h6v4h-6v6h-4v-6H4v-4h6z'),
  hazardous_site: P('M12 3l10 18H2zm-1 6v6h2V9zm0 7.500v2h2v-2z'),
  shelter: P('M12 4l9 8h-3v8h-4v-5h-4v5H6v-8H3z'),
  government: P('M12 3l9 5H3zM5 10h2v7H5zM11 10h2v7h-2zM17 10h2v7h-2zM3 19h18v2H3z'),
  pump_station: P('M12 3c4 5 6 7.5 6 11a6 6 0 0 1-12 0c0-3.5 2-6 6-11z'),
  underpass: P('', 'M3 18c0-12 18-12 18 0M8 18c0-6 8-6 8 0'),
  metro_station: P('M4 19V6l8 8 8-8v13h-3.500v-5.500L12 18l-4.5-4.500V19z'),
  substation: P('M13 2L5 13h5l-1 9 9-12h-6z'),
  gas_station: P('M6 4h8v16H6z', 'M14 9l4 2v6'),
  hydrant: P('M9 5h6v3h2v3h-2v9H9v-9H7V8h2z'),
  camera: P('M3 7h12v10H3z M16 11l5-3v8l-5-3z'),
  // what cameras see
  person: P('M12 3a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM6 21c0-6 2-9.5 6-9.500s6 3.500 6 9.500z'),
  crowd: P('M8 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM16 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM2 20c0-5.500 2-8.500 6-8.500 1.600 0 2.900.5 4 1.400 1.100-.9 2.400-1.400 4-1.400 4 0 6 3 6 8.500z'),
  vehicle: P('M3 16v-3l2.500-1 2-5h9l2 5 2.500 1v3h-2a2.500 2.500 0 0 1-5 0h-4a2.500 2.500 0 0 1-5 0z'),
  accident: P('M12 2l2 6 6-3-3 6 6 1.500-6 2 3 6-6-3-2 5-2-5-6 3 3-6-6-2 6-1.500-3-6 6 3z'),
  // what stands in a street or on a lot (layers of the city's own)
  tree: P('M12 2.500a6.500 6.500 0 0 0-1.200 12.900V21.500h2.400v-6.100A6.500 6.500 0 0 0 12 2.500z'),
  lamp: P('M14 3h7l-2 5h-3z', 'M7 21.500V8a4 4 0 0 1 4-4h4'),
  bin: P('M9 2.500h6v2h5v2.200H4V4.500h5zM6 8.500h12l-1.200 13H7.200z'),
  parking: P('M7 3h6.500a5.600 5.600 0 0 1 0 11.200H10V21H7zm3 3v5.200h3.500a2.600 2.600 0 0 0 0-5.200z'),
  bus_stop: P('M5 4h14v13h-1.500v3h-3v-3h-5v3h-3v-3H5zm2 2v5.500h10V6zm.500 7.500v1.800h2.300v-1.800zm6.700 0v1.800h2.300v-1.800z'),
  shop: P('M4 4h16l1.600 5.200a2.600 2.600 0 0 1-1.600 2.600V20H4v-8.200a2.600 2.600 0 0 1-1.600-2.600zm4 9.500v4.500h8v-4.500z'),
  flag: P('M6 3h2v1h11l-3 4 3 4H8v9.500H6z'),
  star: P('M12 2.500l2.900 6.300 6.900.8-5.100 4.700 1.400 6.800-6.100-3.400-6.100 3.400 1.400-6.800-5.100-4.700 6.900-.8z'),
  box: P('M12 2.500l9 4.700v9.600l-9 4.700-9-4.700V7.200zm0 2.600L6.200 8.100 12 11.100l5.800-3z'),
  billboard: P('M3 3.500h18V14h-7.800v7.500h-2.400V14H3zm2.200 2.200v6.100h13.600V5.700z'),
  cone: P('M10.800 3h2.400l5.300 15.500H21v2.500H3v-2.500h2.500zM9.800 9.500l-1.200 3.500h6.800l-1.200-3.500z'),
  dot: P('M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10z'),
};

/**
 * Draws a pictogram of `size` pixels around the origin of `g` in one colour.
 * @param {Pen} g
 * @param {string} name
 * @param {number} size
 * @param {string} colour
 */
export function drawPictogram(g, name, size, colour) {
  const picture = PICTOGRAMS[name] || PICTOGRAMS.dot;
  const scale = size / 24;
  g.save();
  g.scale(scale, scale);
  g.translate(-12, -12);
  g.fillStyle = colour;
  g.strokeStyle = colour;
  g.lineWidth = 2.2;
  g.lineCap = 'round';
  if (picture.f) g.fill(new Path2D(picture.f), 'evenodd');
  if (picture.s) g.stroke(new Path2D(picture.s));
  g.restore();
}
