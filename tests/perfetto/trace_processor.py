# SPDX-License-Identifier: GPL-2.0
"""Connects Perfetto's trace processor and its client for Python by a pipe.

Both are Perfetto's own (tests/perfetto/get). The client of this release can query a
trace, but not load one. This module makes the requests for loading.
"""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
CHUNK = 1 << 20


def get():
    """Returns the directory with Perfetto's code. If the code can't be fetched, ends the program."""
    result = subprocess.run([f"{HERE}/get"], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        print(result.stdout.strip())
        sys.exit(result.returncode)
    return result.stdout.strip()


PERFETTO = get()
sys.path.insert(0, f"{PERFETTO}/python")

from perfetto.common.query_result_iterator import QueryResultIterator  # noqa: E402
from perfetto.trace_processor.platform import PlatformDelegate  # noqa: E402
from perfetto.trace_processor.protos import ProtoFactory  # noqa: E402
from perfetto.trace_processor.rpc import TraceProcessorRpc  # noqa: E402


class Pipe:
    """The connection that carries requests and replies."""

    def __init__(self):
        (ui,) = glob.glob(f"{PERFETTO}/ui/v*/")
        self.process = subprocess.Popen(
            ["node", f"{HERE}/engine.js", ui], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.requests, self.replies = self.process.stdin, self.process.stdout
        self.errors = self.process.stderr

    def send(self, data):
        """Sends a request."""
        self.requests.write(data)
        self.requests.flush()

    def read(self, size):
        """Reads `size` bytes of a reply."""
        data = self.replies.read(size)
        if len(data) < size:
            raise ConnectionError(self.errors.read().decode(errors="replace"))
        return data

    def close(self):
        """Closes the pipe, and waits for the trace processor to end."""
        self.requests.close()
        self.process.wait()
        self.replies.close()
        self.errors.close()


class Trace(TraceProcessorRpc):
    """A trace that the trace processor has loaded."""

    def __init__(self, path):
        super().__init__(Pipe(), ProtoFactory(PlatformDelegate()))
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                self._call("TPM_APPEND_TRACE_DATA", chunk)
        self._call("TPM_FINALIZE_TRACE_DATA")

    def _call(self, method, chunk=None):
        stream = self.protos.TraceProcessorRpcStream()
        request = stream.msg.add()
        request.request = self.protos.TraceProcessorRpc.TraceProcessorMethod.Value(method)
        if chunk is not None:
            request.append_trace_data = chunk
        self.transport.send(stream.SerializeToString())
        reply = self.protos.TraceProcessorRpc.FromString(self._read_payload())
        self._check_envelope(reply)
        for result in (reply.append_result, reply.finalize_data_result):
            if result.error:
                raise ValueError(result.error)

    def query(self, sql):
        """Returns the rows of a query, each as an object with the columns as attributes."""
        result = self.execute_query(sql)
        if result.error:
            raise ValueError(result.error)
        return QueryResultIterator(result.column_names, result.batch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
