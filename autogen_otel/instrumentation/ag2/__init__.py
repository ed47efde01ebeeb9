"""ag2 1.x, `import ag2`."""
