"""Faces from files to batches: readers, safe decoding, splits, prepared sets, mixing, synthesis.

Everything is imported when it is first asked for, so that reading a table does not cost the
import of TensorFlow. A new public name is one line in `_HOME` (name: module it lives in).
"""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    # a face, a data set, and what its reader left out
    "FaceRow": "table",
    "FaceTable": "table",
    "ReadReport": "table",
    # readers
    "READERS": "readers",
    "read": "readers",
    "FacePair": "readers.lfw_pairs",
    "read_lfw_pairs": "readers.lfw_pairs",
    # pixels
    "ImageError": "decode",
    "decode_image": "decode",
    "decode_row": "decode",
    "decode_all": "decode",
    # splits without leaks
    "sha1_bucket": "splits",
    "sha1_split": "splits",
    "subject_folds": "splits",
    "drop_identical": "duplicates",
    "drop_near_duplicates": "duplicates",
    "near_pairs": "duplicates",
    "perceptual_hash": "duplicates",
    # training sets
    "PreparedSet": "prepared",
    "mix": "mixing",
    "arrays": "batches",
    "ArrayBatches": "array_batches",
    "mix_streams": "streams",
    "decoded": "streams",
    "to_device": "streams",
    "DeviceAugmentation": "device_augmentation",
    "RandomGrey": "device_augmentation",
    "RandomWarp": "random_warp",
    "IdentityPlan": "identity_batches",
    "identity_arrays": "identity_batches",
    "Augmentation": "augment",
    # the one crop
    "crop_box": "template",
    "crop_from_box": "template",
    "crop_from_points": "template",
    "similarity": "alignment",
    "face_alignment": "alignment",
    # procedural faces
    "synthetic_set": "synthetic",
    "split_identities": "synthetic",
    "draw_face": "synthetic",
    "draw_faces": "synthetic",
    # sets on disk
    "write_records": "records",
    "read_records": "records",
    "stream_records": "records",
    # labels of a teacher
    "LabelRun": "label_shards",
    "LabelShards": "label_shards",
    "ForeignShard": "shard_folder",
    "ShardedRun": "shard_folder",
    "ShardFolder": "shard_folder",
    "DamagedShard": "parquet",
    "PseudoLabels": "pseudo_labels",
    "TaskLabels": "pseudo_labels",
    "read_labels": "pseudo_labels",
    "with_pseudo_labels": "pseudo_labels",
    # embeddings of a network
    "EmbeddingRun": "embedding_shards",
    "Embeddings": "embedding_shards",
    "read_embeddings": "embedding_shards",
    "SourceShards": "source_shards",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
