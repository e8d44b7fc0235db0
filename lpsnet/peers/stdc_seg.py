"""STDC-Seg with its two backbones."""

from torch import Tensor

from lpsnet.peers.backbones.stdc import StdcNet
from lpsnet.peers.bisenet_v1 import CONTEXT_WIDTH, FUSED_WIDTH, ContextPath, FeatureFusion, head
from lpsnet.peers.peer import Peer
from lpsnet.registry import NETWORKS


class StdcSeg(Peer):
    """BiSeNet's context path on an STDC network, whose map at an eighth stands in for the spatial path.

    Source: Fan et al. 2021, arXiv 2104.13188, Figure 4; the authors' code (MichaelFan01/STDC-Seg, MIT) was read for the
    heads' widths.

    Published, on Cityscapes' test split (GTX 1080 Ti, TensorRT): STDC1-Seg50 71.9% and STDC2-Seg50 73.4% mIoU, 250.4
    and 188.6 FPS at 512x1024; STDC1-Seg75 75.3% and STDC2-Seg75 76.8%, 126.7 and 97.0 FPS at 768x1536.

    Counts at 19 classes, of what inference needs: 8.28 M and 12.31 M parameters, 67.5 and 93.8 GMACs at 1024x2048. The
    12.05 M and 16.08 M parameters of the authors' module are 3,125,248 more in the classifier of ImageNet, 150,144 in
    the two auxiliary heads and 498,432 in four boundary heads; 77.8 and 104.2 GMACs (by our count 77.8 and 104.1)
    come of running the auxiliary heads and the boundary heads at 1/8 and 1/16.

    Deviation: the detail head and its boundary loss are left out of training.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        backbone: the STDC network.
        num_classes: score maps.
    """

    def __init__(self, backbone: StdcNet, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        spatial, *deeper = backbone.channels
        self.context = ContextPath(deeper)
        self.fuse = FeatureFusion(spatial + CONTEXT_WIDTH)
        self.head = head(FUSED_WIDTH, 256, num_classes)
        self.auxiliary.extend(head(CONTEXT_WIDTH, 64, num_classes) for _ in range(2))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on the context path's two maps."""
        eighth, sixteenth, last = self.backbone(image)
        context, coarser = self.context(eighth.shape[-2:], sixteenth, last)
        return [self.head(self.fuse(eighth, context)), context, coarser]


@NETWORKS.register("stdc1")
def stdc1_seg(num_classes: int = 19) -> StdcSeg:
    """STDC1-Seg."""
    return StdcSeg(StdcNet((2, 2, 2)), num_classes)


@NETWORKS.register("stdc2")
def stdc2_seg(num_classes: int = 19) -> StdcSeg:
    """STDC2-Seg."""
    return StdcSeg(StdcNet((4, 5, 3)), num_classes)
