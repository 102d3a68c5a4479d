"""`earshot bench asr`: what a model transcribes, on a CPU beside its peers and on a GPU.

`python -m benchmarks.asr` is the part for one model of a real shape alone. It needs
ctranslate2, numpy and click, and nothing else of what earshot needs.
"""
