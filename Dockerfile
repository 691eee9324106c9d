# The toolkit on CPUs, with the studio:
#
#   docker build --tag sinddm-toolkit .
#   docker run --rm -p 127.0.0.1:7680:7680 -v sinddm-data:/data sinddm-toolkit
#
# and open the address that it prints. Any other command stands behind the image's name:
#
#   docker run --rm -v sinddm-data:/data -v "$PWD:/pictures" -u "$(id -u)" sinddm-toolkit run sample --image a.png

FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.13-slim
# torch without CUDA, which is 3 GB less than what PyPI has. In a layer of its own: it rarely changes.
# The version is free, as it is wherever the toolkit is installed.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
# Whoever runs it may write to its data, also under a number of their own (docker run -u).
RUN useradd --uid 1000 artist && mkdir -m 1777 /data /pictures
USER 1000
ENV SINDDM_TK_HOME=/data HOME=/data
VOLUME /data
WORKDIR /pictures
EXPOSE 7680
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 7680), 3)"]
ENTRYPOINT ["sinddm-tk"]
# Everyone who reaches the port needs the token that it prints, or that SINDDM_TK_TOKEN sets.
CMD ["studio", "--host", "0.0.0.0", "--port", "7680", "--no-browser"]
