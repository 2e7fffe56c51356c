// What travels between the server and the page, and what the parts of the page hand to each other: read by the type checker alone.
// The server's side of each shape: alerts/present.py, alerts/warnings.py, dispatch/present.py, layers/sensors.py, layers/video.py, app/health/read.py, app/dashboard/card/callbacks.py.

type Lang = 'zh' | 'en';
/** A text in both languages; CSS shows one. */
type Bilingual = { zh: string; en?: string };
type Texts = Record<string, Bilingual>;
type Level = 1 | 2 | 3 | 4;
type Place = [number, number];

interface Located {
  lon: number | null;
  lat: number | null;
}

/** A score with its reasons; scores of before bands have only score and terms. */
interface Risk {
  score: number;
  terms: object[];
  band?: { level: Level; low: number; high: number };
  q?: number;
  confidence?: number;
  words?: Bilingual;
}

interface Alarm extends Located {
  id: string;
  rule: string | null;
  kind: string;
  thing: { type: string; id: string; name: string };
  names: Bilingual;
  level: Level;
  state: string;
  active: boolean;
  raised_at: string;
  changed_at: string;
  observed_at: string;
  metric: string | null;
  value: number | null;
  unit: string | null;
  message: Bilingual | null;
  risk: Risk | null;
  district: string | null;
  classification: number;
  incident: string | null;
  /** sent to its incident */
  units: string[];
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  shelved_until: string | null;
  shelved_by: string | null;
  shelved_reason: string | null;
  /** what an operator said of it */
  useful: boolean | null;
  owner: string | null;
  escalated: { step: number; to: string; at: string } | null;
  /** acknowledged until it clears: rings again only worse than this */
  quiet_level: number | null;
  /** the line of the work list that it stands in with others */
  line: string;
  /** why it is told to nobody; `cause`: the alarm that it follows from */
  muted: { stage: string; by: string; cause: string | null; since: string; why: Bilingual } | null;
  /** it comes and goes */
  chattering_since: string | null;
  version: number;
}

/** A line of the work list that stands for several alarms; `waits`: ids of those that nobody has acknowledged. */
interface LineRow {
  id: string;
  line: string;
  family: string;
  open: boolean;
  waits: string[];
  count: number;
  /** those of level I */
  grave: number;
  things: number;
  worst: Level;
  leading: Bilingual;
  state: string;
  changed_at: string;
}

/** What the rule of the alarm with this id judges now; `window_s` of a sum or mean. */
interface Judged {
  id: string;
  value: number;
  unit: string | null;
  time: string;
  trend: 'rising' | 'falling' | 'steady' | null;
  window_s: number | null;
  district: string | null;
  classification: number;
  units: string[];
}

/** An alarm in the list: whether it waits for somebody to acknowledge it, and what is judged now, where that is known. */
type AlarmRow = Alarm & { waiting: boolean; now: Judged | null; inside?: boolean };

interface Assignment {
  id: string;
  unit: string;
  unit_names: Bilingual;
  status: string;
  eta_s: number | null;
  distance_m: number | null;
  assigned_at: string | null;
}

interface Incident extends Located {
  id: string;
  number: string;
  kind: string;
  level: Level;
  status: string;
  title: string;
  titles: Bilingual | null;
  text: string | null;
  address: string | null;
  district: string | null;
  classification: number;
  channel: string;
  opened_at: string;
  changed_at: string;
  ended_at: string | null;
  risk: Risk | null;
  assignments: Assignment[];
  alarms: string[];
  in_danger: number | null;
  version: number;
}

interface Unit extends Located {
  id: string;
  kind: string;
  name: string;
  names: Bilingual;
  capabilities: string[];
  status: string;
  station: string | null;
  district: string | null;
  heading: number | null;
  speed: number | null;
  battery: number | null;
  seen_at: string | null;
  incident: string | null;
}

interface Value {
  value: number;
  unit: string;
  quality: string;
  time: string;
  title?: string;
}

interface Sensor extends Located {
  id: string;
  kind: string;
  name: string;
  names: Bilingual;
  district: string | null;
  classification: number;
  status: string;
  interval_s: number | null;
  metrics: string[];
  values: Record<string, Value>;
  heard_at: string | null;
  thresholds: Record<string, Record<string, number>>;
  attributes: object;
  source: string | null;
  first_seen_at: string;
  alarm_level: Level | null;
}

interface RiskCell {
  id: string;
  boundary: Place[];
  score: number;
  level: Level | null;
  terms: object;
  people: number;
  districts: string[];
  band: Risk['band'] | null;
  q: number | null;
  confidence: number | null;
  /** how much of its worst hazard is left at this distance */
  faded: number | null;
}

interface VideoEvent extends Located {
  id: string;
  camera: string;
  district: string | null;
  classification: number;
  camera_names: Bilingual;
  event: string;
  kind: string;
  names: Bilingual;
  urgent: boolean;
  score: number | null;
  zone: string | null;
  time: string;
  ended_at: string | null;
  quality: string;
  snapshot: string | null;
  snapshot_url: string | null;
  thumbnail_url: string | null;
}

/** A warning of others; `shape`: coordinates of a GeoJSON MultiPolygon. */
interface Warning extends Located {
  id: string;
  sender: string;
  sender_name: string | null;
  identifier: string;
  sent: string;
  msg_type: string;
  status: string;
  state: string;
  changed_at: string;
  level: Level | null;
  names: Bilingual;
  event: string | null;
  headline: string | null;
  description: string | null;
  instruction: string | null;
  severity: string | null;
  urgency: string | null;
  certainty: string | null;
  area: string | null;
  expires: string | null;
  until: string;
  received_at: string;
  shape: Place[][][];
}

interface HealthFeed {
  id: string;
  names: Bilingual;
  last_at: string | null;
  age_s: number | null;
  things: number;
  rate: number;
  lag_s: number | null;
  dead_letters: number;
}

interface Health {
  id: 'health';
  time: string;
  oldest_feed_s: number | null;
  newest_feed_s: number | null;
  sources: object[];
  feeds: HealthFeed[];
  cameras: object;
  dead_letters: object;
  set_aside: object[];
  quarantine: object[];
  processes: object[];
  /** null where it could not be read: `faults` says why */
  unjudged: number | null;
  outbox: number | null;
  alarm_rate_10min: number | null;
  faults: object[];
}

/** The kinds of the live channel and what each carries. */
interface Kinds {
  alarm: Alarm;
  judged: Judged;
  incident: Incident;
  unit: Unit;
  sensor: Sensor;
  risk_cell: RiskCell;
  video_event: VideoEvent;
  warning: Warning;
  /** A layer that is fetched is another now. */
  layer: { id: string };
  health: Health;
}
type Kind = keyof Kinds;

/** A message of the live channel. `ping` carries nothing; `remove` carries only ids. */
interface Message {
  seq?: number;
  time: string;
  kind: Kind | 'ping';
  op: 'snapshot' | 'upsert' | 'remove';
  items: any[];
}

/** What has become of a collection: ids. `whole` after a snapshot. */
interface Batch {
  changed: Set<string>;
  removed: Set<string>;
  added: Set<string>;
  whole: boolean;
}

interface Me {
  username: string;
  must_change: boolean;
  name: string | null;
  role: string;
  role_names: Record<Lang, string>;
  permissions: string[];
  lang: Lang | null;
  settings: Record<string, unknown>;
}

interface City {
  name: Record<Lang, string>;
  timezone: string;
  bbox: [number, number, number, number];
  simulated: boolean;
}

interface Vocabulary {
  levels: Texts;
  alarm_levels: Texts;
  urgencies: Texts;
  alarm_families: Texts;
  risk_bands: Record<string, { low: number; high: number }>;
  metrics: Texts;
  layer_groups: unknown;
  /** sets of words that are derived from what they mean */
  sets: Record<string, string[]>;
  /** seconds after which what is silent is not trusted */
  stale_after_s: { unit: number };
  [table: string]: unknown;
}

interface LayerItem {
  id: string;
  own: boolean;
  visible: boolean;
  opacity: number;
  title: Bilingual;
  geometry?: string;
  group?: string;
  legend?: unknown;
  style?: unknown;
  count?: number;
  raster?: unknown;
}
/** What one person has chosen for a layer. */
type LayerChoice = { visible?: boolean; opacity?: number };
type LayerState = { status: 'ready' | 'failed'; items: LayerItem[]; detail?: string };

/** What the server says of the card that it has drawn: for which request, where the thing is, of what it has a chart. */
interface CardDrawn extends Located {
  asked: number;
  chart: { sensor: string; rule: string | null; unit: string | null } | null;
}

interface Series {
  items: { time: string; value: number; min?: number | null; max?: number | null }[];
  thresholds?: Record<string, number>;
}

/** What is selected. `place` is a point on the map without a card. */
interface Thing {
  type: string;
  id: string;
  lon?: number | null;
  lat?: number | null;
  zoom?: number;
  label?: string;
  /** of a row that is a line of the work list */
  line?: string;
}

/** State that goes into a Dash component. */
type Props = Record<string, unknown>;

type Collection<T extends { id: string }> = import('./live.mjs').Collection<T>;
type Live = { [K in Kind]: Collection<Kinds[K]> };
type Sets = ReturnType<typeof import('./sets.mjs').makeSets>;
type LiveLayers = ReturnType<typeof import('./map/features.mjs').makeLiveLayers>;
type Words = ReturnType<typeof import('./words.mjs').makeWords>;
type Chosen = ReturnType<typeof import('./selection.mjs').makeSelection>;
type Notices = ReturnType<typeof import('./notices.mjs').makeNotices>;
type CardData = ReturnType<typeof import('./card.mjs').makeCard>;
type Actions = ReturnType<typeof import('./actions.mjs').makeActions>;
type Pictures = ReturnType<typeof import('./picture.mjs').makePictures>;
type Search = ReturnType<typeof import('./search.mjs').makeSearch>;
type Dialogs = ReturnType<typeof import('./ask.mjs').makeDialogs>;
type Reporter = ReturnType<typeof import('./report.mjs').makeReporter>;
type Lists = Awaited<ReturnType<typeof import('./lists.mjs').startLists>>;
type Channel = import('./push.mjs').Channel;
type CityMap = ReturnType<typeof import('./map/map.mjs').startMap>;

// Of MapLibre, which checks expressions itself when it is given a style: its types of them do not survive a helper function.
type MapLibre = import('maplibre-gl').Map;
type GeoJsonSource = import('maplibre-gl').GeoJSONSource;
type Expression = any;
type Layer = any;
type Pen = OffscreenCanvasRenderingContext2D;
type Feature = GeoJSON.Feature<GeoJSON.Point | GeoJSON.Polygon | GeoJSON.MultiPolygon, Record<string, any>>;
type PointFeature = GeoJSON.Feature<GeoJSON.Point, Record<string, any>>;

// Libraries that Dash brings as globals, as far as they are used.
interface Grid {
  setGridOption(name: string, value: unknown): void;
  addEventListener(name: string, listener: (event: any) => void): void;
  getFocusedCell(): { rowIndex: number } | null;
  getDisplayedRowAtIndex(index: number): { data: any } | undefined;
  getDisplayedRowCount(): number;
  getRowNode(id: string): { data: any; rowIndex: number | null; setSelected(on: boolean, alone: boolean): void } | undefined;
  clearFocusedCell(): void;
  setFocusedCell(row: number, column: string): void;
  forEachNode(call: (node: { data: any }) => void): void;
  ensureIndexVisible(row: number): void;
  ensureNodeVisible(node: unknown): void;
  deselectAll(): void;
  getCacheBlockState(): Record<string, { pageStatus: string }> | null;
  refreshInfiniteCache(): void;
  purgeInfiniteCache(): void;
}

interface Window {
  dash_clientside: { set_props(id: string | object, props: Props): void; [namespace: string]: any };
  dash_ag_grid: { getApiAsync(id: string): Promise<Grid> };
  dashAgGridComponentFunctions?: Record<string, (params: any) => unknown>;
  dashAgGridFunctions?: Record<string, (params: any) => unknown>;
  React: {
    createElement(...parts: any[]): unknown;
    useEffect(effect: () => unknown, on: unknown[]): void;
    useRef<T>(value: T): { current: T };
    useState<T>(value: T): [T, (value: T) => void];
  };
  PlotlyGeoAssets: { topojson: Record<string, object> };
  Plotly: {
    extendTraces(graph: Element, update: object, traces: number[], most: number): void;
    relayout(graph: Element, update: object): void;
    downloadImage(figure: object, options: object): Promise<string>;
  };
  SwaggerUIBundle(options: object): void;
}

/** What a unit's phone says happened (dispatch/acts.py). */
interface FieldAct {
  id: string;
  kind: 'reply' | 'message' | 'report' | 'panic';
  at: string;
  task?: string;
  state?: string;
  reason?: string;
  text?: string;
  what?: string;
  lon?: number;
  lat?: number;
  address?: string;
}
/** What came of it (app/api/field.py). */
interface FieldAnswer {
  id: string;
  state: 'done' | 'refused';
  why: Bilingual | null;
  incident: string | null;
}
/** One entry of a phone's outbox. */
interface FieldEntry {
  seq?: number;
  act: FieldAct;
  state: 'waiting' | 'done' | 'refused';
  why?: Bilingual | null;
  incident?: string | null;
}
interface FieldSent {
  id: string;
  unit_names: Bilingual;
  status: string;
}
interface FieldTask {
  id: string;
  state: string;
  others: FieldSent[];
  incident: Located & { id: string; number: string; kind: string; level: Level; titles: Bilingual; text: string | null; address: string | null; in_danger: number | null };
}
interface FieldPicture {
  unit: string;
  names: Bilingual;
  status: string;
  task: FieldTask | null;
  navigate: { geo: string; amap: string } | null;
}
/** What the page of a phone knows just now. `heard`: when the picture came, `lost`: since when nothing is answered. */
interface FieldState {
  picture: FieldPicture | null;
  entries: FieldEntry[];
  heard: number | null;
  lost: number | null;
  out: boolean;
  /** Whether what waits outlives the page. */
  lasting: boolean;
}
type FieldWords = { words: Texts; tables: Record<string, Texts> };
interface FieldSpeech {
  say(key: string, params?: Record<string, string | number>): string;
  label(table: string, key: string): string;
  plain(text: Partial<Bilingual> | null | undefined): string;
  clock(moment: string | number): string;
  keys(table: string): string[];
}
