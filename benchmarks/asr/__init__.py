"""`earshot bench asr`: speed and accuracy of a model, on a CPU beside its peers and on a GPU.

`python -m benchmarks.asr` measures only a model of a real shape. It needs ctranslate2, numpy and
click, and none of the other packages that earshot needs.
"""
