"""Attention-B: every path is gated by the attention of the others."""

from torch import Tensor, nn

from interactions.interaction import Interaction, without
from interactions.registry import INTERACTIONS
from interactions.resize import resize
from interactions.transformation import attention, transformation


@INTERACTIONS.register("attention_b")
class AttentionB(Interaction):
    """x_h' = F_h(x_h) * U(Att_l(x_l)) and x_l' = F_l(x_l) * D(Att_h(x_h)): "Attention-B" of LPS-Net's Table 3.

    Source: LPS-Net, arXiv 2207.13600, section 3.3 ("integrating each path with the attention derived from another
    path") and Figure 6(d), without an equation; the guided aggregation of BiSeNetV2, Yu et al. 2021, arXiv 2004.02147,
    gates either branch by a sigmoid map of the other.

    Our reading: Att is that of Attention-A, one number for each pixel, with weights of its own for each path; F is
    conv - BN - ReLU; of three or more paths, each is gated by the mean of the others' attentions, which stays in 0..1.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        kernel_size: kernel of F, odd.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2, kernel_size: int = 3) -> None:
        super().__init__(channels, paths)
        self.attentions = nn.ModuleList(attention(channels) for _ in range(paths))
        self.transformations = nn.ModuleList(transformation(channels, channels, kernel_size) for _ in range(paths))

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """Transform every path's map and gate it."""
        attended = [attend(features) for attend, features in zip(self.attentions, maps, strict=True)]
        return [
            transform(features) * _mean_at(without(attended, path), features)
            for path, (transform, features) in enumerate(zip(self.transformations, maps, strict=True))
        ]


def _mean_at(gates: list[Tensor], features: Tensor) -> Tensor:
    """The mean of the gates (N, 1, H_i, W_i), at the size of `features`."""
    first, *others = (resize(gate, features.shape[-2:]) for gate in gates)
    return sum(others, start=first) / len(gates) if others else first
