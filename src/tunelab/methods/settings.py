"""What the settings of all methods share."""

from pydantic import BaseModel, ConfigDict


class MethodSettings(BaseModel):
    """Settings of a method: unknown keys are refused and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
