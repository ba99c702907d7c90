// The captions page: passes events of the feed to the parts of the page. Each part knows only its own elements.

import { CaptionFeed, Sources } from "../shared/feed.js";
import { loadLanguageData } from "../shared/language_data.js";
import { AutoScroll } from "./auto_scroll.js";
import { CaptionEditor } from "./caption_editor.js";
import { HeldHeight } from "./held_height.js";
import { HistoryLoader } from "./history_loader.js";
import { Log } from "./log.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { Search } from "./search.js";
import { StateBar } from "./state.js";
import { TranscriptMenu } from "./transcript_menu.js";
import { bindViewSettings } from "./view_settings.js";

const ANNOUNCE_AFTER_MS = 1_000;

const sources = new Sources();
const autoScroll = new AutoScroll(document.querySelector("#scroller"), document.querySelector("#newer"));
const log = new Log(sources, autoScroll);
const state = new StateBar(sources);
const stateHeight = new HeldHeight(document.querySelector("#state"));
const history = new HistoryLoader(log, autoScroll);
const search = new Search(log, history);
const editor = new CaptionEditor(log, autoScroll);

bindViewSettings(() => log.breakAnew());
new TranscriptMenu(log, history);
new MicrophonePanel();
loadLanguageData();

new CaptionFeed({
  onHello(hello, { first, restarted }) {
    sources.update(hello.sources);
    log.reconnected(hello, restarted);
    state.reset(hello.sources);
    editor.setAllowed(hello.control === true);
    if (!first) return;
    history.setAvailable(hello.earlier ?? 0);
    // Screen readers do not announce the history; captions that were missed later they do.
    setTimeout(() => log.announceFinals(), ANNOUNCE_AFTER_MS);
  },
  onFinal(final, { replayed }) {
    log.showFinal(final, replayed);
    search.update();
  },
  onRevised(revised) {
    log.revise(revised, history.complete);
    editor.captionsChanged();
    search.update();
  },
  onPartial: (partial) => log.showPartial(partial),
  onGap: (gap) => log.showGap(gap),
  onStatus(status) {
    if (status.label) sources.get(status.source).label = status.label;
    log.markSeveral(status.source);
    state.showStatus(status);
  },
  onLevel: (level) => state.showLevel(level),
  onConnection(connection, reason) {
    if (connection === "open") stateHeight.release();
    else stateHeight.hold();
    state.showConnection(connection, reason);
    if (connection !== "open") return;
    log.historyShown();
    search.update();
  },
}).start();
