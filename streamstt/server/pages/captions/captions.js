// The captions page: brings the feed of captions to the parts of the page. Each part knows its own elements only.

import { Copying } from "./transcript_menu.js";
import { Earlier } from "./history_loader.js";
import { CaptionFeed, Sources } from "../shared/feed.js";
import { Follower } from "./auto_scroll.js";
import { Log } from "./log.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { Search } from "./search.js";
import { offerSettings } from "./view_settings.js";
import { StateBar } from "./state.js";

const sources = new Sources();
const follower = new Follower(document.querySelector("#scroller"), document.querySelector("#newer"));
const log = new Log(sources, follower);
const state = new StateBar(sources);
const earlier = new Earlier(log, follower);
const search = new Search(log, earlier);

offerSettings(() => follower.contentChanged());
new Copying(log, earlier);
new MicrophonePanel();

new CaptionFeed({
  onHello(hello, { first, restarted }) {
    sources.greet(hello.sources);
    log.greet(hello, restarted);
    state.forget(hello.sources);
    if (first) earlier.offer(hello.earlier ?? 0);
    // What was said before the reader came is not read out; what was missed in between is.
    if (first) setTimeout(() => log.announce(), 1_000);
  },
  onFinal(final, { replayed }) {
    log.showFinal(final, replayed);
    search.changed();
  },
  onPartial: (partial) => log.showPartial(partial),
  onGap: (gap) => log.showGap(gap),
  onStatus(status) {
    if (status.label) sources.get(status.source).label = status.label;
    state.show(status);
  },
  onLevel: (level) => state.showLevel(level),
  onConnection(connection, reason) {
    state.connection(connection, reason);
    if (connection !== "open") return;
    log.ready();
    search.changed();
  },
}).start();
