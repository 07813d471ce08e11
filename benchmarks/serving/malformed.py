"""Hostile requests that are sent in one go: a function from chance for each kind. Knows HTTP and JSON.

What is in a file knows `bombs`; how many there are of each kind, `bodies`. Most requests go to /v1/classify
and /v1/read, as the body itself, as multipart/form-data or as base64 in JSON.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from serving import bombs, pictures
from serving.pictures import BOUNDARY, File, post

MEGABYTE = 2**20
PATHS = ("/v1/classify", "/v1/read")
FORMS = b"multipart/form-data; boundary=" + BOUNDARY
PART = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' % BOUNDARY
END = b"\r\n--%b--\r\n" % BOUNDARY
JSON = b"application/json"

Make = Callable[[random.Random], bytes]


# ---- not HTTP, or almost


def noise(chance: random.Random) -> bytes:
    return bytes([chance.randrange(128, 256)]) + chance.randbytes(chance.randrange(20, 5_000)) + b"\r\n\r\n"


def hello(chance: random.Random) -> bytes:
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(508)


def http2(_: random.Random) -> bytes:
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)


def headed(headers: bytes, body: bytes = b"x", path: bytes = b"/v1/classify") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n%b\r\n\r\n%b" % (path, headers, body)


def wrong_length(chance: random.Random) -> bytes:
    lengths = (
        b"-1",
        b"ten",
        b"1e3",
        b"0x10",
        b"1, 2",
        b"99999999999999999999999",
        b"+5",
        b"1\r\nContent-Length: 2",
    )
    return headed(b"Content-Length: " + chance.choice(lengths))


def said_too_large(chance: random.Random) -> bytes:
    return headed(b"Content-Length: %d" % chance.randrange(21 * MEGABYTE, 2**40), chance.randbytes(100))


def length_and_chunks(_: random.Random) -> bytes:
    return headed(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n")


def bad_chunk(chance: random.Random) -> bytes:
    sizes = (b"zz", b"-1", b"FFFFFFFFFFFFFFFFFF", b"5;" + b"x" * 200_000, b"")
    return headed(b"Transfer-Encoding: chunked", chance.choice(sizes) + b"\r\nhello\r\n0\r\n\r\n")


def many_chunks(chance: random.Random) -> bytes:
    """22 MB in chunks, of which there is no end."""
    piece = chance.randbytes(MEGABYTE)
    return headed(
        b"Transfer-Encoding: chunked", b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for _ in range(22))
    )


def long_header(_: random.Random) -> bytes:
    return headed(b"X-Long: " + b"x" * 4 * MEGABYTE + b"\r\nContent-Length: 1")


def many_headers(_: random.Random) -> bytes:
    return headed(b"".join(b"X-%d: y\r\n" % number for number in range(100_000)) + b"Content-Length: 1")


def long_path(_: random.Random) -> bytes:
    return headed(b"Content-Length: 1", path=b"/v1/classify?" + b"a" * MEGABYTE)


def odd_method(chance: random.Random) -> bytes:
    method = chance.choice((b"PUT", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND", b"GET"))
    return b"%b /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" % method


def odd_path(chance: random.Random) -> bytes:
    paths = (
        *(b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/js/..%2f..%2f..%2fapp.py", b"/v1/classify/"),
        *(b"//v1//classify", b"/%00", b"/" + b"a/" * 2_000, b"/v1/\xff\xfe", b"/v2/models/..%2f/infer"),
    )
    return b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % chance.choice(paths)


# ---- types


def odd_type(chance: random.Random) -> bytes:
    kinds = (
        *(
            b"text/plain",
            b"application/xml",
            b"application/zip",
            b"video/mp4",
            b"multipart/mixed; boundary=x",
        ),
        *(b"", b"application/x-www-form-urlencoded", b"image", b"*/*", b"\xff\xff", b"application/jsonx"),
    )
    return post(chance.choice(PATHS), chance.choice(kinds), bombs.whole("PNG"))


def mistaken_type(chance: random.Random) -> bytes:
    return post(chance.choice(PATHS), chance.choice((JSON, FORMS)), bombs.whole("PNG"))


def packed(_: random.Random) -> bytes:
    """A gigabyte of zeros under Content-Encoding: gzip, twice."""
    body = bombs.zeros_in_gzip()
    return headed(b"Content-Encoding: gzip, gzip\r\nContent-Length: %d" % len(body), body)


def nothing(chance: random.Random) -> bytes:
    return post(chance.choice(PATHS), chance.choice((b"image/png", JSON, FORMS)), b"")


def odd_option(chance: random.Random) -> bytes:
    options = (
        *(
            "explain=perhaps",
            "nonsense=1",
            "explain=true&explain=false",
            "max_error=2",
            "length=-5",
            "pattern=[",
        ),
        *("length=999999999999999999999", "range=9,1", "check=xyz", "dpi=nan", "dpi=1e400", "format=exe"),
        *("pattern=" + "(a" * 2_000, "pattern=(a%2B)%2B%24", "layout=%00", "length=" + "9" * 10_000),
    )
    return post("/v1/read?" + chance.choice(options), b"image/png", bombs.whole("PNG"))


# ---- JSON


def json_of(value: object) -> Make:
    return lambda chance: post(chance.choice(PATHS), JSON, json.dumps(value).encode())


def json_text(text: bytes) -> Make:
    return lambda chance: post(chance.choice(PATHS), JSON, text)


def json_noise(chance: random.Random) -> bytes:
    return post(chance.choice(PATHS), JSON, chance.randbytes(chance.randrange(1, 20_000)))


def json_cut(chance: random.Random) -> bytes:
    whole = pictures.in_json([File("a.png", bombs.whole("PNG"))]).partition(b"\r\n\r\n")[2]
    return post(chance.choice(PATHS), JSON, whole[: chance.randrange(1, len(whole))])


def json_shapes(chance: random.Random) -> bytes:
    texts = (
        *("null", "1", '"x"', "[]", "{}", "[1]", '{"images": 1}', '{"images": [1]}', '{"images": []}'),
        *('{"images": [{"data": 5}]}', '{"images": [{"name": 5, "data": "eA=="}]}', '{"images": null}'),
        '{"images": [{"data": "eA==", "path": "/etc/passwd"}]}',
    )
    return json_text(chance.choice(texts).encode())(chance)


def json_coded(chance: random.Random) -> bytes:
    data = chance.choice(("!", "eA", "=" * 9, "eA==eA==", "é", "e A=", "A" * 200_001, "\0" + "1"))
    return json_of({"images": [{"data": data}]})(chance)


DEEP = 200_000


# ---- multipart


def form(body: bytes, kind: bytes = FORMS) -> Make:
    return lambda chance: post(chance.choice(PATHS), kind, body)


def form_cut(chance: random.Random) -> bytes:
    whole = PART + bombs.whole("PNG") + END
    return form(whole[: chance.randrange(1, len(whole) - 6)])(chance)


def form_noise(chance: random.Random) -> bytes:
    return form(b"--" + BOUNDARY + b"\r\n" + chance.randbytes(chance.randrange(1, 50_000)))(chance)


def form_headers(chance: random.Random) -> bytes:
    heads = (
        *(b"X: " + b"x" * 2 * MEGABYTE, b"X" * MEGABYTE, b"".join(b"X-%d: y\r\n" % n for n in range(50_000))),
        *(
            b"no colon at all",
            b"Content-Disposition: form-data; filename*=utf-8''%ff%fe; name=",
            b"\0\0: \xff",
        ),
    )
    return form(b"--" + BOUNDARY + b"\r\n" + chance.choice(heads) + b"\r\n\r\nx" + END)(chance)


def form_parts(chance: random.Random) -> bytes:
    part = chance.choice(
        (PART + b"x\r\n", b'--%b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' % BOUNDARY)
    )
    return form(part * 50_000 + END[2:])(chance)


def form_name(chance: random.Random) -> bytes:
    name = chance.choice((b"x" * MEGABYTE, b"../../etc/passwd\0.png", b'"' * 999, b"\xff" * 300))
    head = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n' % (BOUNDARY, name)
    return form(head + chance.randbytes(50) + END)(chance)


def form_field(chance: random.Random) -> bytes:
    field = b'--%b\r\nContent-Disposition: form-data; name="explain"\r\n\r\n' % BOUNDARY
    values = (b"x" * MEGABYTE, b"\xff\xfe", b"1\r\n" + field + b"0")
    return form(field + chance.choice(values) + b"\r\n" + PART + bombs.whole("PNG") + END)(chance)


def form_boundary(chance: random.Random) -> bytes:
    kinds = (b"", b"; boundary=", b"; boundary=other", b"; boundary=" + b"x" * 60_000, b'; boundary="\x01"')
    return form(PART + bombs.whole("PNG") + END, b"multipart/form-data" + chance.choice(kinds))(chance)


# ---- files, in one of three wrappings


def wrapped(make: Callable[[random.Random], bytes], *paths: str) -> Make:
    """A file as the body, as a part, or as base64; to one of these paths."""

    def request(chance: random.Random) -> bytes:
        file, path, way = File("a.png", make(chance)), chance.choice(paths or PATHS), chance.randrange(3)
        if way == 0:
            kind = b"application/pdf" if file.content.startswith(b"%PDF") else b"image/png"
            return post(path, kind, file.content)
        return pictures.multipart(file, path) if way == 1 else pictures.in_json([file], path)

    return request


# ---- inference protocol


def infer(chance: random.Random) -> bytes:
    shapes = ("[1,28,28]", "[1000000000,28,28]", "[-1,28,28]", "[1,28]", "[9223372036854775808,9,9]", "null")
    data = chance.choice(("[0]", '"x"', "[[[]]]", "[1e400]", "[-1]", "null", "[" + "0.5," * 783 + "0.5]"))
    tensor = '{"inputs": [{"name": "%s", "shape": %s, "datatype": "UINT8", "data": %s}]}'
    body = tensor % (chance.choice(("glyphs", "strips", "x")), chance.choice(shapes), data)
    return post(f"/v2/models/{chance.choice(('digit', 'line'))}/infer", JSON, body.encode())


def infer_binary(chance: random.Random) -> bytes:
    parameters = {"binary_data_size": chance.choice((784, 10**12, -1, "x"))}
    tensor = {"name": "glyphs", "shape": [1, 28, 28], "datatype": "UINT8", "parameters": parameters}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = chance.choice((len(head), 10**9, 0))
    body = head + chance.randbytes(chance.randrange(783))
    headers = b"Inference-Header-Content-Length: %d\r\nContent-Length: %d" % (length, len(body))
    return headed(headers, body, b"/v2/models/digit/infer")


KINDS: dict[str, Make] = {
    "bytes that aren't HTTP": noise,
    "TLS to a port without": hello,
    "HTTP/2 without asking": http2,
    "Content-Length: no number, negative, two": wrong_length,
    "Content-Length: up to a terabyte": said_too_large,
    "Content-Length beside chunks": length_and_chunks,
    "chunk sizes that are none": bad_chunk,
    "22 MB in endless chunks": many_chunks,
    "a header of 4 MB": long_header,
    "100,000 headers": many_headers,
    "a path of 1 MB": long_path,
    "other methods": odd_method,
    "other paths": odd_path,
    "other types": odd_type,
    "another type than it says": mistaken_type,
    "gzip of a gigabyte": packed,
    "empty bodies": nothing,
    "options that can't be": odd_option,
    "JSON: noise": json_noise,
    "JSON: cut": json_cut,
    "JSON: other shapes": json_shapes,
    "JSON: no base64": json_coded,
    "JSON: 200,000 lists in lists": json_text(b"[" * DEEP + b"]" * DEEP),
    "JSON: 200,000 objects in objects": json_text(b'{"images":' * DEEP + b"1" + b"}" * DEEP),
    "JSON: a number of a million digits": json_text(b'{"images": [], "x": ' + b"9" * 10**6 + b"}"),
    "JSON: infinities": json_text(b'{"images": [{"data": "eA=="}], "max_error": Infinity}'),
    "JSON: 300,000 pictures": json_text(
        b'{"images": [' + b'{"data":"eA=="},' * 300_000 + b'{"data":"eA=="}]}'
    ),
    "JSON: UTF-16": json_text('{"images": [{"data": "eA=="}]}'.encode("utf-16")),
    "multipart: cut": form_cut,
    "multipart: noise": form_noise,
    "multipart: odd headers of a part": form_headers,
    "multipart: 50,000 parts": form_parts,
    "multipart: odd names of files": form_name,
    "multipart: odd fields": form_field,
    "multipart: odd boundaries": form_boundary,
    "inference: tensors that can't be": infer,
    "inference: binary tensors that can't be": infer_binary,
}
