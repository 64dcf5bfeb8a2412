"""GIF-Faces: talking faces of FaceForensics; README.md says how it is made."""
