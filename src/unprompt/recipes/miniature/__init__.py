"""The little world: seeded table-top scenes, their pictures, and the camera that takes them."""
