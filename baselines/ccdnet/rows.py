"""CCDNet by name: the rows of the paper's Table 1, and others that its ablations ask for.

Each finds weights of its own name in the package, or takes them by its option `weights`; `baselines/ccdnet/<name>.toml`
trains them.
"""

from __future__ import annotations

from .method import CCDNetMethod


class CCDNet1(CCDNetMethod):
    """Row 5: one step, without the adversarial loss."""

    row, default_steps = "ccdnet-1", 1
    parameters = 14_789_059


class CCDNet1Adv(CCDNetMethod):
    """Row 3: one step."""

    row, default_steps = "ccdnet-1-adv", 1
    parameters = 14_789_059


class CCDNet1NoGrad(CCDNetMethod):
    """Row 4: one step, without the gradient loss."""

    row, default_steps = "ccdnet-1-nograd", 1
    parameters = 14_789_059


class CCDNet2(CCDNetMethod):
    """Row 8: two steps, without the adversarial loss; the paper's best."""

    row, default_steps = "ccdnet-2", 2
    parameters = 29_583_302


class CCDNet2Adv(CCDNetMethod):
    """Row 6: two steps."""

    row, default_steps = "ccdnet-2-adv", 2
    parameters = 29_583_302


class CCDNet2NoGrad(CCDNetMethod):
    """Two steps without the gradient loss: what row 4 is to row 3, this is to row 6."""

    row, default_steps = "ccdnet-2-nograd", 2
    parameters = 29_583_302


class CCDNet3(CCDNetMethod):
    """Row 9: three steps, without the adversarial loss."""

    row, default_steps = "ccdnet-3", 3
    parameters = 29_583_302


class CCDNet3Adv(CCDNetMethod):
    """Row 7: three steps."""

    row, default_steps = "ccdnet-3-adv", 3
    parameters = 29_583_302


class CCDNet3NoGrad(CCDNetMethod):
    """Three steps without the gradient loss: what row 4 is to row 3, this is to row 7."""

    row, default_steps = "ccdnet-3-nograd", 3
    parameters = 29_583_302


class CCDNetDrrn(CCDNetMethod):
    """Row 1: one step of a DRRN."""

    description = "CCDNet with a DRRN for its backbone"
    row, default_steps, backbone = "ccdnet-drrn", 1, "drrn"
    parameters = 301_824


class CCDNetGlcic(CCDNetMethod):
    """Row 2: one step of a GLCIC."""

    description = "CCDNet with a GLCIC for its backbone"
    row, default_steps, backbone = "ccdnet-glcic", 1, "glcic"
    parameters = 6_070_531


class CCDNetJoint(CCDNetMethod):
    """One network for plain and dithered GIFs, where the router has two: Figure 6's comparison."""

    description = "CCDNet of one step, one network for plain and dithered GIFs"
    row, default_steps = "ccdnet-joint", 1
    parameters = 14_789_059


class CCDNetNaf(CCDNetMethod):
    """CCDNet-2 with a NAFNet-style backbone, at half its cost or less."""

    description = "CCDNet with a NAFNet-style backbone"
    row, default_steps, backbone = "ccdnet-naf", 2, "naf"
    parameters = 12_022_158
