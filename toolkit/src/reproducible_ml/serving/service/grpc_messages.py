"""Messages of the Open Inference Protocol V2 over gRPC.

They are declared here, not generated: no compiler is needed, whose version would have
to fit that of protobuf. They stand in a pool of their own, beside those of a client in
the same process. Names and numbers are those of kserve/open-inference-protocol,
specification/protocol/open_inference_grpc.proto.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

# A field is written as in a .proto file: type, name, number. `*` stands for repeated,
# `{}` for a map from text.
MESSAGES: dict[str, tuple[str, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("bool live 1",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("bool ready 1",),
    "ModelReadyRequest": ("string name 1", "string version 2"),
    "ModelReadyResponse": ("bool ready 1",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": (
        "string name 1",
        "string version 2",
        "string* extensions 3",
    ),
    "ModelMetadataRequest": ("string name 1", "string version 2"),
    "ModelMetadataResponse": (
        "string name 1",
        "string* versions 2",
        "string platform 3",
        "ModelMetadataResponse.TensorMetadata* inputs 4",
        "ModelMetadataResponse.TensorMetadata* outputs 5",
    ),
    "ModelMetadataResponse.TensorMetadata": (
        "string name 1",
        "string datatype 2",
        "int64* shape 3",
    ),
    "ModelInferRequest": (
        "string model_name 1",
        "string model_version 2",
        "string id 3",
        "InferParameter{} parameters 4",
        "ModelInferRequest.InferInputTensor* inputs 5",
        "ModelInferRequest.InferRequestedOutputTensor* outputs 6",
        "bytes* raw_input_contents 7",
    ),
    "ModelInferRequest.InferInputTensor": (
        "string name 1",
        "string datatype 2",
        "int64* shape 3",
        "InferParameter{} parameters 4",
        "InferTensorContents contents 5",
    ),
    "ModelInferRequest.InferRequestedOutputTensor": (
        "string name 1",
        "InferParameter{} parameters 2",
    ),
    "ModelInferResponse": (
        "string model_name 1",
        "string model_version 2",
        "string id 3",
        "InferParameter{} parameters 4",
        "ModelInferResponse.InferOutputTensor* outputs 5",
        "bytes* raw_output_contents 6",
    ),
    "ModelInferResponse.InferOutputTensor": (
        "string name 1",
        "string datatype 2",
        "int64* shape 3",
        "InferParameter{} parameters 4",
        "InferTensorContents contents 5",
    ),
    "InferParameter": (
        "bool bool_param 1",
        "int64 int64_param 2",
        "string string_param 3",
        "double double_param 4",
        "uint64 uint64_param 5",
    ),
    "InferTensorContents": (
        "bool* bool_contents 1",
        "int32* int_contents 2",
        "int64* int64_contents 3",
        "uint32* uint_contents 4",
        "uint64* uint64_contents 5",
        "float* fp32_contents 6",
        "double* fp64_contents 7",
        "bytes* bytes_contents 8",
    ),
}

# Messages of which only one field is set, and what the choice is called.
CHOICES = {"InferParameter": "parameter_choice"}


def _make_pool() -> DescriptorPool:
    file = FileDescriptorProto(
        name="open_inference.proto", package=PACKAGE, syntax="proto3"
    )
    made: dict[str, DescriptorProto] = {}
    for name, fields in MESSAGES.items():
        outer, _, inner = name.rpartition(".")
        message = made[outer].nested_type.add() if outer else file.message_type.add()
        made[name] = message
        message.name = inner
        if name in CHOICES:
            message.oneof_decl.add(name=CHOICES[name])
        for text in fields:
            _add_field(message, name, *text.split())
    pool = DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(
    message: DescriptorProto, path: str, kind: str, name: str, number: str
) -> None:
    field = message.field.add(name=name, number=int(number))
    plain = kind.rstrip("*{}")
    is_map = kind.endswith("{}")
    repeated = is_map or kind.endswith("*")
    field.label = (
        FieldDescriptorProto.LABEL_REPEATED
        if repeated
        else FieldDescriptorProto.LABEL_OPTIONAL
    )
    if is_map:
        entry = message.nested_type.add(name="ParametersEntry")
        entry.options.map_entry = True
        _add_field(entry, f"{path}.{entry.name}", "string", "key", "1")
        _add_field(entry, f"{path}.{entry.name}", plain, "value", "2")
        plain = f"{path}.{entry.name}"
    if plain[0].isupper():
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{plain}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{plain.upper()}")
    if path in CHOICES:
        field.oneof_index = 0


_POOL = _make_pool()


def message_class(name: str) -> Any:
    """Return the class of a message, as `ModelInferRequest`."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
