"""The modules' declarations in JSON: what the reference page says, for programs."""

from functools import cache

from consensus.kinds import JsonObject
from node.query.state_queries import table_info
from vm.declare import ActionDeclaration, Module, sentence_of
from vm.forms import typed_schema
from vm.parameter import Parameter
from vm.registry import REGISTRY


@cache
def module_forms() -> tuple[JsonObject, ...]:
    """The declarations of all modules, in their order; they never change while a node runs."""
    return tuple(_module(module) for module in REGISTRY.modules)


def _module(module: Module) -> JsonObject:
    return {
        "name": module.name,
        "sentence": module.sentence,
        "actions": [_action(action) for action in module.actions],
        "events": [
            {"type": event.tag, "version": event.version, "schema": typed_schema(event)}
            for event in module.events
        ],
        "tables": [table_info(table).to_json() for table in module.tables],
        "errors": [{"code": error.code, "sentence": error.sentence} for error in module.errors],
        "parameters": [_parameter(parameter) for parameter in module.parameters],
    }


def _action(action: ActionDeclaration) -> JsonObject:
    return {
        "type": action.type.tag,
        "version": action.type.version,
        "sentence": sentence_of(action.type),
        "gas": action.gas,
        "gas_depends_on_fields": action.has_derived_gas,
        "duty": action.duty,
        "exempt": action.has_exemption,
        "governed": action.governed,
        "schema": typed_schema(action.type),
    }


def _parameter(parameter: Parameter) -> JsonObject:
    return {
        "name": parameter.name,
        "default": str(parameter.default),
        "minimum": str(parameter.minimum),
        "maximum": str(parameter.maximum),
        "unit": parameter.unit,
        "sentence": parameter.sentence,
    }
