# neural_style in a container: docs/docker.md.
#
#   docker build -t neural_style .
#   docker build -t neural_style:cuda --build-arg DEVICE=cuda .
FROM python:3.11-slim

# cpu, or cuda: PyPI's own wheels of PyTorch for Linux have CUDA in them.
ARG DEVICE=cpu
# hadolint ignore=DL3013
RUN if [ "$DEVICE" = cpu ]; then set -- --index-url https://download.pytorch.org/whl/cpu; fi \
    && pip install --no-cache-dir "$@" torch==2.13.0

COPY setup.cfg pyproject.toml README.md LICENSE /source/
COPY loadcaffe /source/loadcaffe
COPY neural_style /source/neural_style
RUN pip install --no-cache-dir '/source[heif,onnx,video,web]'

# Models and results of the page; any user may write there: docker run --user $(id -u):$(id -g).
ENV HOME=/tmp XDG_DATA_HOME=/data \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN mkdir -m 1777 /data && rm -r /source
VOLUME /data
WORKDIR /work
USER 1000
EXPOSE 7860
ENTRYPOINT ["neural_style"]
CMD ["-help"]
