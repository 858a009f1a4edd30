"""A trained source model as an artefact: safetensors, its spec, and their hashes."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .backbones import Backbone, Discriminator, Encoder, Generator
from .errors import UserError


@dataclass
class Source:
    """The networks that a transfer starts from: ``gan`` (generator, discriminator) or ``vae`` (generator, encoder).

    ``networks`` maps a role to a state dict; the generator's is the moving average. Each ``make_*`` returns a new
    network with those weights, in training mode, on the CPU.
    """

    backbone: Backbone
    spec: dict[str, Any]
    networks: dict[str, dict[str, Tensor]]

    def make_generator(self) -> Generator:
        return self._fill("generator", self.backbone.make_generator())

    def make_discriminator(self) -> Discriminator:
        return self._fill("discriminator", self.backbone.make_discriminator())

    def make_encoder(self) -> Encoder:
        return self._fill("encoder", self.backbone.make_encoder())

    def _fill(self, role: str, network: Any) -> Any:
        if role not in self.networks:
            raise UserError(f"the source holds no {role}; it has {', '.join(sorted(self.networks))}")
        load_exactly(network, self.networks[role], role)
        return network


def load_exactly(network: nn.Module, state: dict[str, Tensor], role: str) -> None:
    """Load a state dict that must fit tensor by tensor; ``UserError`` lists every difference otherwise."""
    own = network.state_dict()
    differences = [f"missing {name}" for name in own.keys() - state.keys()]
    differences += [f"unexpected {name}" for name in state.keys() - own.keys()]
    differences += [
        f"{name} is {list(state[name].shape)}, needs {list(own[name].shape)}"
        for name in own.keys() & state.keys()
        if own[name].shape != state[name].shape
    ]
    if differences:
        raise UserError(f"the checkpoint does not fit this {role}: " + "; ".join(sorted(differences)))
    network.load_state_dict(state)
