"""What the settings of all methods share."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class MethodSettings(BaseModel):
    """Settings of a method: unknown keys are refused and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_layers(cls, values: Any) -> Any:
        """Say why ``layers`` is no setting of a method that does not act in single layers."""
        if isinstance(values, dict) and "layers" in values and "layers" not in cls.model_fields:
            raise ValueError(
                "has no setting layers, as this method does not act in single layers; leave it "
                "out, or choose a method that adapts layers, such as lora"
            )
        return values
