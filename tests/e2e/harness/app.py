"""What a workspace serves in the tests: echoes, streams, WebSockets, and answers that try to harm the platform."""
import base64
import hashlib
import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = bytes(range(256)) * 256
DOWNLOAD_CHUNKS = 20 * 1024 * 1024 // len(CHUNK)
released = threading.Event()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="text/html", extra=()):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/headers":
            lines = [[name, value] for name, value in self.headers.items()]
            self.answer(json.dumps(lines).encode(), "application/json")
        elif self.path == "/events":
            self.events()
        elif self.path == "/release":
            released.set()
            self.answer(b"released", "text/plain")
        elif self.path == "/download":
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(DOWNLOAD_CHUNKS * len(CHUNK)))
            self.end_headers()
            for _ in range(DOWNLOAD_CHUNKS):
                self.wfile.write(CHUNK)
        elif self.path == "/toss":
            tossed = [
                "coditect_access=evil; Domain=coditect.localhost; Path=/",
                "__Host-coditect_access=evil; Path=/; Secure",
                "__Host-coditect_app=evil; Path=/; Secure",
                "wide=1; Domain=coditect.localhost; Path=/",
                "own=1; Path=/",
            ]
            self.answer(b"tossed", "text/plain", [("Set-Cookie", cookie) for cookie in tossed])
        elif self.path == "/echo" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
        else:
            self.answer(b"<!doctype html><title>app</title><h1>An app of the workspace</h1>")

    def do_POST(self):
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        total = left
        while left:
            part = self.rfile.read(min(left, 65536))
            digest.update(part)
            left -= len(part)
        self.answer(json.dumps({"bytes": total, "sha256": digest.hexdigest()}).encode(), "application/json")

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        # The second event comes only after somebody has seen the first.
        released.wait()
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def echo(self):
        magic = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            opcode, length = head[0] & 15, head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.rfile.read(8))[0]
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
            size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length)
            self.wfile.write(bytes([0x80 | opcode]) + size + data)
            self.wfile.flush()
            if opcode == 8:
                return

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
