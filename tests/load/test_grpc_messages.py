"""A gRPC call from JSON is what the protobuf runtime encodes; whatever does not fit is refused before it is sent."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from meshperf.errors import UsageError
from meshperf.load.grpc_messages import HEALTH, DescriptorSource, grpc_call
from meshperf.load.plan import GrpcKind

F = descriptor_pb2.FieldDescriptorProto


def _demo() -> DescriptorSource:
    """Service demo.Echo with a method of each kind; Ping holds a number, texts, a map of Pings, and a timestamp."""
    everything = descriptor_pb2.FileDescriptorSet()
    file = everything.file.add(
        name="demo.proto", package="demo", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    ping = file.message_type.add(name="Ping")
    ping.field.add(name="count", number=1, type=F.TYPE_INT32, label=F.LABEL_OPTIONAL)
    ping.field.add(name="display_name", json_name="displayName", number=2, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    ping.field.add(name="inner", number=3, type=F.TYPE_MESSAGE, type_name=".demo.Ping", label=F.LABEL_REPEATED)
    entry = ping.nested_type.add(name="ByNameEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=F.TYPE_MESSAGE, type_name=".demo.Ping", label=F.LABEL_OPTIONAL)
    ping.field.add(
        name="by_name",
        json_name="byName",
        number=4,
        type=F.TYPE_MESSAGE,
        type_name=".demo.Ping.ByNameEntry",
        label=F.LABEL_REPEATED,
    )
    ping.field.add(
        name="at", number=5, type=F.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp", label=F.LABEL_OPTIONAL
    )
    service = file.service.add(name="Echo")
    for name, client, server in (
        ("Say", False, False), ("Collect", True, False), ("Expand", False, True), ("Chat", True, True)
    ):  # fmt: skip
        method = service.method.add(name=name, input_type=".demo.Ping", output_type=".demo.Ping")
        method.client_streaming, method.server_streaming = client, server
    return DescriptorSource(descriptor_set=everything.SerializeToString())


DEMO = _demo()


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("demo.Echo/Say", GrpcKind.UNARY),
        ("/demo.Echo/Collect", GrpcKind.CLIENT_STREAM),
        ("demo.Echo/Expand", GrpcKind.SERVER_STREAM),
        ("/demo.Echo/Chat", GrpcKind.BIDI),
    ],
)
def test_the_kind_of_a_call_is_that_of_its_method(method, kind):
    path, call = grpc_call(DEMO, method, ['{"count": 3}'])
    assert path == "/" + method.removeprefix("/")
    assert call.kind is kind
    assert call.messages == (b"\x08\x03",)


def test_a_message_is_encoded_as_protobuf_has_it_on_the_wire():
    _, call = grpc_call(HEALTH, "grpc.health.v1.Health/Check", ['{"service": "demo"}'])
    assert call.messages == (b"\x0a\x04demo",)
    parts = ['"displayName": "a"', '"inner": [{"count": -1}]', '"by_name": {"k": {"count": 1}}']
    nested = "{" + ", ".join([*parts, '"at": "1970-01-01T00:00:07Z"']) + "}"
    _, call = grpc_call(DEMO, "demo.Echo/Say", [nested])
    minus_one = b"\x08" + b"\xff" * 9 + b"\x01"
    assert call.messages == (
        b"\x12\x01a" + b"\x1a\x0b" + minus_one + b"\x22\x07\x0a\x01k\x12\x02\x08\x01" + b"\x2a\x02\x08\x07",
    )


@given(count=st.integers(-(2**31), 2**31 - 1), name=st.text())
def test_what_is_encoded_decodes_to_what_was_written(count, name):
    import json

    from google.protobuf.message_factory import GetMessageClass

    _, call = grpc_call(DEMO, "demo.Echo/Say", [json.dumps({"count": count, "display_name": name})])
    message = GetMessageClass(DEMO.pool().FindMessageTypeByName("demo.Ping")).FromString(call.messages[0])
    assert (message.count, message.display_name) == (count, name)


def test_no_message_is_one_with_all_fields_at_their_defaults():
    assert grpc_call(HEALTH, "grpc.health.v1.Health/Check")[1].messages == (b"",)
    assert grpc_call(DEMO, "demo.Echo/Chat", [])[1].messages == (b"",)


def test_a_client_stream_sends_its_messages_in_order():
    _, call = grpc_call(DEMO, "demo.Echo/Collect", ['{"count": 2}', "{}", '{"count": 1}'])
    assert call.messages == (b"\x08\x02", b"", b"\x08\x01")


@pytest.mark.parametrize("method", ["demo.Echo/Say", "demo.Echo/Expand"])
def test_several_messages_where_one_is_taken_are_refused(method):
    with pytest.raises(UsageError, match="one message a call, found 2") as caught:
        grpc_call(DEMO, method, ["{}", "{}"])
    assert caught.value.code == "MP1006"


@pytest.mark.parametrize(
    ("method", "said", "hint"),
    [
        ("demo.Echo/Sai", "no method Sai", "did you mean `Say`?"),
        ("demo.Eco/Say", "no service demo.Eco", "did you mean `demo.Echo`?"),
        ("zzz/Say", "no service zzz", "services: demo.Echo"),
        ("demo.Echo/QQQQ", "no method QQQQ", "its methods: Chat, Collect, Expand, Say"),
        ("demo.Echo.Say", "not a gRPC method", "did you mean `demo.Echo/Say`?"),
        ("", "not a gRPC method", "demo.Echo/Chat"),
        ("/", "not a gRPC method", "demo.Echo/Chat"),
    ],
)
def test_a_method_that_is_not_there_is_refused_with_what_is(method, said, hint):
    with pytest.raises(UsageError, match=said) as caught:
        grpc_call(DEMO, method, ["{}"])
    assert caught.value.code == "MP1005"
    assert hint in (caught.value.hint or "")


def test_descriptors_without_any_service_say_so():
    empty = descriptor_pb2.FileDescriptorSet()
    empty.file.add(name="a.proto")
    with pytest.raises(UsageError, match="no service a") as caught:
        grpc_call(DescriptorSource(descriptor_set=empty.SerializeToString()), "a/b")
    assert "there are none" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"cuont": 1}', "demo.Ping has no field `cuont`, at /cuont"),
        ('{"inner": [{}, {"x": 1}]}', "demo.Ping has no field `x`, at /inner/1/x"),
        ('{"byName": {"k": {"x": 1}}}', "demo.Ping has no field `x`, at /byName/k/x"),
        ('{"count": "many"}', "count"),
        ('{"count": 2147483648}', "count"),
        ('{"displayName": 7}', "displayName"),
        ('{"inner": 7}', "inner"),
        ('{"byName": 7}', "byName"),
        ('{"at": "yesterday"}', "at field"),
        ("[1]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"count": 1, "count": 2}', "'count' is given twice"),
        ('{"count": 1', "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"inner": [' * 400 + "]}" * 400, "recursion|deep"),
    ],
)
def test_a_message_that_does_not_fit_is_refused_with_its_field_and_why(text, said):
    with pytest.raises(UsageError, match=said) as caught:
        grpc_call(DEMO, "demo.Echo/Say", [text])
    assert caught.value.code == "MP1006"


def test_a_field_that_is_misspelt_gets_a_suggestion_and_its_message_a_number():
    with pytest.raises(UsageError, match="message 2 does not fit") as caught:
        grpc_call(DEMO, "demo.Echo/Chat", ["{}", '{"conut": 1}'])
    assert "did you mean `count`?" in (caught.value.hint or "")


def test_a_required_field_that_is_missing_is_named():
    old = descriptor_pb2.FileDescriptorSet()
    file = old.file.add(name="old.proto", package="old")
    file.message_type.add(name="Ask").field.add(name="key", number=1, type=F.TYPE_STRING, label=F.LABEL_REQUIRED)
    file.service.add(name="S").method.add(name="M", input_type=".old.Ask", output_type=".old.Ask")
    with pytest.raises(UsageError, match="key") as caught:
        grpc_call(DescriptorSource(descriptor_set=old.SerializeToString()), "old.S/M")
    assert caught.value.code == "MP1006"
