"""Videos in, exact frame by frame; and the lossless truth out and in again. Only this package knows PyAV."""

from gifbench.media.video.codecs import LosslessCodec
from gifbench.media.video.container import VideoLimits
from gifbench.media.video.damaged_frames import LEFT_OUT, DamagedFrames
from gifbench.media.video.decoding import Frame, HeldPictures, VideoInfo, count_frames, decode, probe
from gifbench.media.video.encoding import VideoWriter
from gifbench.media.video.exact_span import Span
from gifbench.media.video.lossless_reader import iter_lossless, lossless_codec, read_lossless
from gifbench.media.video.lossless_writer import LosslessWriter
from gifbench.media.video.packet_copy import CannotKeep, keep_packets, read_kept
from gifbench.media.video.sound import Sound, sound_kinds
from gifbench.media.video.timestamp_repair import snap_times
from gifbench.media.video.unreliable_seek_detection import know_stamp_order, stamp_order
from gifbench.media.video.video_for_methods import Film

__all__ = [
    "LEFT_OUT",
    "CannotKeep",
    "DamagedFrames",
    "Film",
    "Frame",
    "HeldPictures",
    "LosslessCodec",
    "LosslessWriter",
    "Sound",
    "Span",
    "VideoInfo",
    "VideoLimits",
    "VideoWriter",
    "count_frames",
    "decode",
    "iter_lossless",
    "keep_packets",
    "know_stamp_order",
    "lossless_codec",
    "probe",
    "read_kept",
    "read_lossless",
    "snap_times",
    "sound_kinds",
    "stamp_order",
]
