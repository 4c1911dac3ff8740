"""The OpenAPI description: what requests and responses hold, from the contract."""

import re
from typing import Any

from reproducible_ml.contract.schema import Contract
from reproducible_ml.reading.values import arrow_type
from reproducible_ml.serving.feedback import MOST
from reproducible_ml.serving.messages import ARROW, JSON, REQUEST_ID
from reproducible_ml.serving.service.live import Service
from reproducible_ml.serving.service.schema import (
    answer_schema,
    column_schema,
    record_schema,
)
from reproducible_ml.serving.service.tensors import datatypes

ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
PROBLEM = {
    "type": "object",
    "description": "Why a row has no prediction",
    "properties": {
        "row": {"type": "integer", "description": "Its position, from 0"},
        "column": {"type": ["string", "null"]},
        "value": {"type": ["string", "null"]},
        "rule": {"type": "string", "description": "As in_range(0, 120)"},
        "problem": {"type": "string"},
    },
    "required": ["row", "column", "value", "rule", "problem"],
}

# What each status says, for routes that answer rows.
STATUSES = {
    400: "The body is not as described",
    401: "A valid API key is needed",
    408: "The body came too slowly",
    413: "The body has too many bytes or rows",
    415: "The content type is another one",
    503: "The service is overloaded or about to end",
}


def describe(
    description: dict[str, Any], service: Service, *, has_keys: bool
) -> dict[str, Any]:
    """Return the description of all routes, completed for the model that answers."""
    components, paths = description.setdefault("components", {}), description["paths"]
    components["schemas"] = {
        **components.get("schemas", {}),
        "Record": record_schema(service.model),
        "Prediction": answer_schema(service.model),
        "Problem": PROBLEM,
        "Predictions": _predictions(),
        "Error": ERROR,
        **({"Explanations": _explanations()} if "/explain" in paths else {}),
        **(_feedback(service) if "/feedback" in paths else {}),
        "InferenceRequest": _inference_request(service),
        "InferenceResponse": _inference_response(),
    }
    if has_keys:
        components["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        description["security"] = [{"key": []}, {"header": []}]
    for path, methods in paths.items():
        for operation in methods.values():
            _complete(operation, path, service)
    return description


def _complete(operation: dict[str, Any], path: str, service: Service) -> None:
    own = {"name": service.settings.name, "version": service.model.version}
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "enum": [own[name]]},
        }
        for name in re.findall(r"{(\w+)}", path)
        if name in own
    ]
    if parameters:
        operation["parameters"] = parameters
    statuses = {status: STATUSES[status] for status in (401, 503)}
    if path == "/predict":
        records = {"type": "array", "items": _ref("Record")}
        operation["requestBody"] = _body(
            {
                JSON: {"oneOf": [_ref("Record"), records]},
                ARROW: {"description": "Columns of the record"},
            }
        )
        operation["responses"] = {
            "200": {
                "description": "A prediction for each row; null for one that breaks a"
                " rule, which is among the problems",
                "content": {
                    JSON: {"schema": _ref("Predictions")},
                    ARROW: {"schema": {"description": "Answers, and `problem`"}},
                },
            },
            "422": {
                "description": "Each row breaks a rule",
                "content": {
                    JSON: {
                        "schema": {"allOf": [_ref("Error"), _ref("Predictions")]},
                    }
                },
            },
        }
        statuses = STATUSES
    elif path == "/explain":
        most = service.settings.explain_rows
        some = {"type": "array", "items": _ref("Record"), "maxItems": most}
        operation["requestBody"] = _body({JSON: {"oneOf": [_ref("Record"), some]}})
        operation["responses"] = {
            "200": {
                "description": "The prediction for each row, and what moved it; null"
                " for one that breaks a rule, which is among the problems",
                "content": {JSON: {"schema": _ref("Explanations")}},
            },
            "422": {
                "description": "Each row breaks a rule",
                "content": {
                    JSON: {
                        "schema": {"allOf": [_ref("Error"), _ref("Explanations")]},
                    }
                },
            },
        }
        statuses = STATUSES
    elif path == "/feedback":
        most = service.settings.max_rows
        several = {"type": "array", "items": _ref("Label"), "maxItems": most}
        operation["requestBody"] = _body({JSON: {"oneOf": [_ref("Label"), several]}})
        operation["responses"] = {
            "202": {
                "description": "Labels that are valid will be written; the others are"
                " among the problems",
                "content": {JSON: {"schema": _ref("Accepted")}},
            },
            "422": {
                "description": "No label is valid",
                "content": {
                    JSON: {"schema": {"allOf": [_ref("Error"), _ref("Accepted")]}}
                },
            },
        }
        statuses = STATUSES
    elif path.endswith("/infer"):
        operation["requestBody"] = _body({JSON: _ref("InferenceRequest")})
        operation["responses"] = {
            "200": {
                "description": "A value for each row in each output",
                "content": {JSON: {"schema": _ref("InferenceResponse")}},
            }
        }
        statuses = STATUSES
    elif path == "/metrics":
        content = {"text/plain": {"schema": {"type": "string"}}}
        operation["responses"]["200"] = {"description": "Metrics", "content": content}
    elif path.endswith("/ready"):
        ready = {"type": "object", "properties": {"ready": {"type": "boolean"}}}
        for code, says in {"200": "It does", "503": "It is about to end"}.items():
            operation["responses"][code] = {
                "description": says,
                "content": {JSON: {"schema": ready}},
            }
    elif path.startswith("/v2"):
        described = {JSON: {"schema": {"type": "object"}}}
        operation["responses"]["200"] = {"description": "It is", "content": described}
    if "{name}" in path:
        statuses = statuses | {404: "There is no such model or version"}
    for status, text in statuses.items():
        operation["responses"].setdefault(
            str(status),
            {"description": text, "content": {JSON: {"schema": _ref("Error")}}},
        )


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(schemas: dict[str, Any]) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in schemas.items()}
    return {"required": True, "content": content}


def _predictions() -> dict[str, Any]:
    prediction = {"oneOf": [_ref("Prediction"), {"type": "null"}]}
    return {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "string"},
            "predictions": {"type": "array", "items": prediction},
            "problems": {"type": "array", "items": _ref("Problem")},
        },
        "required": ["model", "version", "predictions", "problems"],
    }


def _explanations() -> dict[str, Any]:
    number = {"type": "number"}
    contribution = {
        "type": "object",
        "properties": {
            "column": {"type": "string"},
            "value": {"type": ["string", "number", "boolean", "null"]},
            "contribution": number,
            "standard_error": {
                "type": ["number", "null"],
                "description": "Null: exact",
            },
        },
        "required": ["column", "value", "contribution", "standard_error"],
    }
    own = {
        "type": "object",
        "description": "Shapley values: base and contributions add up to output",
        "properties": {
            "class": {"type": "string", "description": "The class that is explained"},
            "scale": {
                "enum": [
                    *("log-odds", "log-probability", "score"),
                    *("number", "logarithm", "probability"),
                ],
                "description": "What base, contributions and output are; "
                "log-probability: up to a number that is the same for all classes",
            },
            "exact": {"type": "boolean", "description": "Or else estimated"},
            "base": number | {"description": "The mean of some training rows"},
            "output": number,
            "contributions": {
                "type": "array",
                "items": contribution,
                "description": "The largest first",
            },
        },
        "required": ["scale", "exact", "base", "output", "contributions"],
    }
    explanation = {"allOf": [_ref("Prediction"), own]}
    found = _predictions()
    del found["properties"]["predictions"]
    found["properties"]["explanations"] = {
        "type": "array",
        "items": {"oneOf": [explanation, {"type": "null"}]},
    }
    return found | {"required": ["model", "version", "explanations", "problems"]}


def _feedback(service: Service) -> dict[str, Any]:
    """Return the schemas of labels and of what becomes of them."""
    model = service.model
    identity: dict[str, Any] = {
        "request_id": {"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"},
        "row": {
            "type": "integer",
            "minimum": 0,
            "exclusiveMaximum": MOST,
            "default": 0,
            "description": "Its position in the request, from 0",
        },
        "row_key": {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
    }
    return {
        "Label": {
            "type": "object",
            "description": "What turned out to be true of a row, which is named by the"
            " id of the request and its position there, or by its key",
            "properties": {
                **identity,
                "label": column_schema(model.contract.columns[model.data.target]),
            },
            "required": ["label"],
            "oneOf": [{"required": ["request_id"]}, {"required": ["row_key"]}],
        },
        "Accepted": {
            "type": "object",
            "properties": {
                "accepted": {"type": "integer"},
                "problems": {"type": "array", "items": _ref("Problem")},
            },
            "required": ["accepted", "problems"],
        },
    }


def _inference_request(service: Service) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An input for each column; a missing value is null.",
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {
                "type": "array",
                "minItems": len(service.model.features),
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "enum": service.model.features},
                        "shape": {"type": "array", "items": {"type": "integer"}},
                        "datatype": {"enum": _datatypes(service.model.needed)},
                        "parameters": {"type": "object"},
                        "data": {"type": "array"},
                    },
                    "required": ["name", "shape", "datatype", "data"],
                },
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"enum": [*answer_schema(service.model)["properties"]]},
                        "parameters": {"type": "object"},
                    },
                    "required": ["name"],
                },
            },
        },
        "required": ["inputs"],
    }


def _datatypes(contract: Contract) -> list[str]:
    found = (datatypes(arrow_type(each)) for each in contract.columns.values())
    return sorted({name for names in found for name in names})


def _inference_response() -> dict[str, Any]:
    output = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array"},
        },
        "required": ["name", "datatype", "shape"],
    }
    return {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "outputs": {"type": "array", "items": output},
        },
        "required": ["model_name", "model_version", "outputs"],
    }
