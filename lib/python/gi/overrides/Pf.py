# SPDX-License-Identifier: Apache-2.0
"""What Python expects of Pf beyond what introspection gives: metrics as attributes and as a dict."""
import json

from ..module import get_introspection_module
from ..overrides import override

Pf = get_introspection_module("Pf")

__all__ = []


class ProfileMetrics(Pf.ProfileMetrics):
    def __getattr__(self, name):
        # Asked only for what is no method: the properties, under the names of the JSON form.
        if name.startswith("_") or self.find_property(name.replace("_", "-")) is None:
            raise AttributeError(f"ProfileMetrics has no attribute {name!r}")
        return getattr(self.props, name)

    def to_dict(self):
        """All metrics of one moment, as in the `metrics` object of the JSON form."""
        return json.loads(self.to_json())["metrics"]


ProfileMetrics = override(ProfileMetrics)
__all__.append("ProfileMetrics")
