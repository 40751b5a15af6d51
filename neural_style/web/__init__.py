"""neural_style-web: a page in the browser to paint on."""
