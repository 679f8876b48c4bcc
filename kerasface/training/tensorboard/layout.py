"""Charts that put tags of several tasks into one: TensorBoard's custom scalars."""

from __future__ import annotations

# Chart and the tags in it, as patterns that match from the beginning of a tag.
CHARTS = {
    "Tasks": {
        "losses of a labelled row": ("[^/]+/mean_loss$",),
        "accuracy": ("[^/]+/accuracy$",),
        "labelled rows": ("[^/]+/labelled$",),
    },
    "Balancing": {
        "task weights": ("[^/]+/weight$",),
        "gradient norms": ("[^/]+/gradient_norm$",),
    },
    "Adversary": {
        "strength": ("[^/]+/strength$",),
        "active share of triplets": ("[^/]+/active_share$",),
        "domain probe": ("probe/", "domain/probe"),
    },
    "Training": {
        "loss": ("loss$",),
        "learning rate": ("learning_rate$",),
        "speed": ("speed/images_per_second$",),
    },
}


def chart_layout():
    """The `Summary` that TensorBoard's tab "Custom scalars" reads; one a folder of runs is enough.

    TensorBoard's own helper for it would tie a run on JAX to TensorFlow.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for title, tags in charts.items()
                ],
            )
            for category, charts in CHARTS.items()
        ]
    )
    summary = Summary()
    summary.value.add(
        tag=metadata.CONFIG_SUMMARY_TAG,
        metadata=metadata.create_summary_metadata(),
        tensor=make_tensor_proto(layout.SerializeToString()),
    )
    return summary
