"""From pictures to answers: finding faces, cutting them to the template, reading them."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "analyze": "analysis",
    "iterate_analyses": "analysis",
    "crop_face": "cropping",
    "Face": "detection",
    "MtcnnDetector": "detectors.mtcnn",
    "HaarDetector": "detectors.haar",
    "YuNetDetector": "detectors.yunet",
    "DetectionError": "detection",
    "NamedPicture": "pictures",
    "CropContract": "cropping",
    "FaceReader": "face_reader",
    "FaceVerifier": "face_verifier",
    "Verification": "face_verifier",
    "PointFinder": "point_finding",
    "FaceResult": "results",
    "PictureResult": "results",
    "find_faces": "detection",
    "as_picture": "pictures",
    "PublishedModel": "published_model",
    # how sure an answer is
    "calibrated": "confidence",
    "with_doubt": "confidence",
    # other runtimes than Keras
    "RuntimeModel": "runtime_model",
    "ExportedFileError": "runtimes",
    "export_model": "exporters",
    "calibration_faces": "exporters",
    # any network as a source of embeddings
    "Source": "source",
    "imagenet_source": "source",
    # a teacher that labels data sets
    "Labeller": "labeller",
    "weights_digest": "labeller",
    "aggregate": "answer_aggregation",
    "picture_transforms": "transforms",
    "FileSource": "label_sources",
    "SetSource": "label_sources",
    "label_images": "labelling",
    "embed_images": "embedding",
    "EmbeddingReport": "embedding",
    "PictureSource": "label_sources",
    "ParquetSource": "parquet_source",
    "RecordSource": "record_source",
    "LabellingReport": "labelling",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
