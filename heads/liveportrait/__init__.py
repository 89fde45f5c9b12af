"""LivePortrait's networks in our own code (Guo et al. 2024, arXiv 2407.03168; weights MIT): keypoints move a feature volume.

One portrait gives a volume of features once (`appearance`); every driving frame gives implicit keypoints (`motion_extractor`,
`keypoints`), the volume is bent by them (`dense_motion`, `warping`) and painted (`generator`). `networks` holds them all.
"""
