"""Real servers of live audio on this machine, which play a recording in a loop, and can be killed and started again."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.support.brokers import free_port

START_S = 90
PASSWORD = "open-sesame-4711"  # of the radio's source, and of its listeners

ICECAST = """
<icecast>
  <hostname>localhost</hostname>
  <listen-socket><bind-address>127.0.0.1</bind-address><port>{port}</port></listen-socket>
  <authentication>
    <source-password>{password}</source-password>
    <admin-user>admin</admin-user><admin-password>{password}</admin-password>
  </authentication>
  <mount type="normal"><mount-name>/members</mount-name>
    <authentication type="htpasswd"><option name="filename" value="{folder}/listeners"/></authentication>
  </mount>
  <paths>
    <logdir>{folder}</logdir><webroot>{folder}</webroot><adminroot>{folder}</adminroot>
  </paths>
  <logging><errorlog>-</errorlog><accesslog>-</accesslog></logging>
  <security><chroot>0</chroot>{owner}</security>
</icecast>
"""
OWNER = "<changeowner><user>nobody</user><group>nogroup</group></changeowner>"  # it refuses to run as root

NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
http {{
  access_log off;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{web_port}; root {folder}/playlists; }}
}}
"""

# GStreamer's RTSP server has no program, only bindings for Debian's own Python.
RTSP = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server, media = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
server.set_address("127.0.0.1"); server.set_service(sys.argv[1])
media.set_launch(f"( multifilesrc location={sys.argv[2]} loop=true ! rawaudioparse sample-rate=16000 num-channels=1 "
                 "! audioconvert ! rtpL16pay name=pay0 )")
media.set_shared(True)
server.get_mount_points().add_factory("/camera", media)
server.attach(None)
GLib.MainLoop().run()
"""


def forever(command: list[str]) -> list[str]:
    """Command that runs another again whenever it ends."""
    return ["sh", "-c", 'while :; do "$@"; sleep 0.2; done', "sh", *command]


class StreamServer:
    """A server, and the programs that send a recording to it; a context manager.

    Attributes:
        url: Address of its stream.
        folder: Its files.
    """

    def __init__(self, kind: str, folder: Path, recording: Path) -> None:
        """Starts stopped.

        Args:
            kind: ``radio``, ``rtmp``, ``hls``, ``srt`` or ``rtsp``.
            folder: An empty folder for its files.
            recording: What it plays, in a loop.
        """
        folder.chmod(0o777)
        self.port = free_port()
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._kind = kind
        player = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(recording)]
        address = f"127.0.0.1:{self.port}"
        self._senders: list[list[str]] = []
        match kind:
            case "radio":
                (folder / "listeners").write_text("")
                owner = OWNER if os.geteuid() == 0 else ""
                text = ICECAST.format(port=self.port, password=PASSWORD, folder=folder, owner=owner)
                self._server = ["icecast2", "-c", self._write("icecast.xml", text)]
                self.url = f"http://{address}/radio"
                for mount in ("radio", "members"):
                    target = f"icecast://source:{PASSWORD}@{address}/{mount}"
                    self._senders.append([*player, "-b:a", "64k", "-content_type", "audio/mpeg", "-f", "mp3", target])
            case "rtmp" | "hls":
                playlists = folder / "playlists"
                playlists.mkdir()
                playlists.chmod(0o777)
                web_port = free_port()
                text = NGINX.format(port=self.port, web_port=web_port, folder=folder)
                self._server = ["nginx", "-p", str(folder), "-c", self._write("nginx.conf", text)]
                self.url = f"rtmp://{address}/live/talk" if kind == "rtmp" else f"http://127.0.0.1:{web_port}/talk.m3u8"
                options = ["-hls_time", "1", "-hls_list_size", "6", "-hls_flags", "delete_segments+temp_file"]
                output = ["-f", "flv", self.url] if kind == "rtmp" else [*options, str(playlists / "talk.m3u8")]
                self._senders.append([*player, "-c:a", "aac", *output])
            case "srt":
                self.url = f"srt://{address}"
                # It ends with its only client.
                self._server = forever([*player, "-c:a", "aac", "-f", "mpegts", f"{self.url}?mode=listener"])
            case _:
                raw = self._write("talk.raw", "")
                subprocess.run(
                    [
                        "ffmpeg",
                        "-v",
                        "error",
                        "-y",
                        "-i",
                        str(recording),
                        "-ar",
                        "16000",
                        "-ac",
                        "1",
                        "-f",
                        "s16le",
                        raw,
                    ],
                    check=True,
                )
                self.url = f"rtsp://{address}/camera"
                self._server = ["/usr/bin/python3", "-c", RTSP, str(self.port), raw]

    def _write(self, name: str, text: str) -> str:
        file = self.folder / name
        file.write_text(text)
        return str(file)

    def start(self) -> None:
        """Starts the server and what sends to it; returns when it accepts connections."""
        self._start(self._server)
        deadline = time.monotonic() + START_S
        while self._kind != "srt" and not self._accepts():
            assert time.monotonic() < deadline, f"{self._server[0]} did not start"
            time.sleep(0.05)
        for sender in self._senders:  # again if the server was not ready for it
            self._start(forever(sender))

    def _start(self, command: list[str]) -> None:
        env = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}  # where Debian installs servers
        with (self.folder / "log").open("ab") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True))

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Kills all of it, as a power failure would."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def __enter__(self) -> "StreamServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
