"""aMQTT's import path of its adapters."""

from amqtt.compat.streams import (
    BufferReader,
    BufferWriter,
    ReaderAdapter,
    StreamReaderAdapter,
    StreamWriterAdapter,
    WebSocketsReader,
    WebSocketsWriter,
    WriterAdapter,
)

__all__ = [
    "BufferReader", "BufferWriter", "ReaderAdapter", "StreamReaderAdapter", "StreamWriterAdapter",
    "WebSocketsReader", "WebSocketsWriter", "WriterAdapter",
]
