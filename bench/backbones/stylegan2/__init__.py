"""StyleGAN2 in plain PyTorch; its state-dict keys are those of the public PyTorch checkpoints (rosinality's layout)."""
