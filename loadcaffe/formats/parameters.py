"""Caffe's messages: the parameters of each kind of layer, in the notation of messages.py.

To add a layer's parameters: a row in messages.LAYER_PARAMETERS and its message here.
"""

PARAMETERS = {
    'AccuracyParameter': 'top_k 1 uint64 = 1, axis 2 int64 = 1, ignore_label 3 int64',
    'ArgMaxParameter': 'out_max_val 1 bool = false, top_k 2 uint64 = 1, axis 3 int64',
    'BatchNormParameter': (
        'use_global_stats 1 bool, moving_average_fraction 2 float = 0.999, eps 3 float = 1e-5'
    ),
    'BiasParameter': 'axis 1 int64 = 1, num_axes 2 int64 = 1, filler 3 FillerParameter',
    'ClipParameter': 'min 1 float, max 2 float',
    'ConcatParameter': 'concat_dim 1 uint64 = 1, axis 2 int64 = 1',
    'ContrastiveLossParameter': 'margin 1 float = 1.0, legacy_version 2 bool = false',
    'ConvolutionParameter': (
        'num_output 1 uint64, bias_term 2 bool = true, pad 3 *uint64, kernel_size 4 *uint64, '
        'group 5 uint64 = 1, stride 6 *uint64, weight_filler 7 FillerParameter, '
        'bias_filler 8 FillerParameter, pad_h 9 uint64 = 0, pad_w 10 uint64 = 0, '
        'kernel_h 11 uint64, kernel_w 12 uint64, stride_h 13 uint64, stride_w 14 uint64, '
        'engine 15 ConvolutionParameter.Engine = DEFAULT, axis 16 int64 = 1, '
        'force_nd_im2col 17 bool = false, dilation 18 *uint64'
    ),
    'CropParameter': 'axis 1 int64 = 2, offset 2 *uint64',
    'DataParameter': (
        'source 1 string, scale 2 float = 1, mean_file 3 string, batch_size 4 uint64, '
        'crop_size 5 uint64 = 0, mirror 6 bool = false, rand_skip 7 uint64 = 0, '
        'backend 8 DataParameter.DB = LEVELDB, force_encoded_color 9 bool = false, '
        'prefetch 10 uint64 = 4'
    ),
    'DropoutParameter': 'dropout_ratio 1 float = 0.5',
    'DummyDataParameter': (
        'data_filler 1 *FillerParameter, num 2 *uint64, channels 3 *uint64, height 4 *uint64, '
        'width 5 *uint64, shape 6 *BlobShape'
    ),
    'ELUParameter': 'alpha 1 float = 1',
    'EltwiseParameter': (
        'operation 1 EltwiseParameter.EltwiseOp = SUM, coeff 2 *float, '
        'stable_prod_grad 3 bool = true'
    ),
    'EmbedParameter': (
        'num_output 1 uint64, input_dim 2 uint64, bias_term 3 bool = true, '
        'weight_filler 4 FillerParameter, bias_filler 5 FillerParameter'
    ),
    'ExpParameter': 'base 1 float = -1.0, scale 2 float = 1.0, shift 3 float = 0.0',
    'FlattenParameter': 'axis 1 int64 = 1, end_axis 2 int64 = -1',
    'HDF5DataParameter': 'source 1 string, batch_size 2 uint64, shuffle 3 bool = false',
    'HDF5OutputParameter': 'file_name 1 string',
    'HingeLossParameter': 'norm 1 HingeLossParameter.Norm = L1',
    'ImageDataParameter': (
        'source 1 string, scale 2 float = 1, mean_file 3 string, batch_size 4 uint64 = 1, '
        'crop_size 5 uint64 = 0, mirror 6 bool = false, rand_skip 7 uint64 = 0, '
        'shuffle 8 bool = false, new_height 9 uint64 = 0, new_width 10 uint64 = 0, '
        'is_color 11 bool = true, root_folder 12 string = '
    ),
    'InfogainLossParameter': 'source 1 string, axis 2 int64 = 1',
    'InnerProductParameter': (
        'num_output 1 uint64, bias_term 2 bool = true, weight_filler 3 FillerParameter, '
        'bias_filler 4 FillerParameter, axis 5 int64 = 1, transpose 6 bool = false'
    ),
    'InputParameter': 'shape 1 *BlobShape',
    'LRNParameter': (
        'local_size 1 uint64 = 5, alpha 2 float = 1, beta 3 float = 0.75, '
        'norm_region 4 LRNParameter.NormRegion = ACROSS_CHANNELS, k 5 float = 1, '
        'engine 6 LRNParameter.Engine = DEFAULT'
    ),
    'LogParameter': 'base 1 float = -1.0, scale 2 float = 1.0, shift 3 float = 0.0',
    'LossParameter': (
        'ignore_label 1 int64, normalize 2 bool, '
        'normalization 3 LossParameter.NormalizationMode = VALID'
    ),
    'MVNParameter': (
        'normalize_variance 1 bool = true, across_channels 2 bool = false, eps 3 float = 1e-9'
    ),
    'MemoryDataParameter': (
        'batch_size 1 uint64, channels 2 uint64, height 3 uint64, width 4 uint64'
    ),
    'PReLUParameter': 'filler 1 FillerParameter, channel_shared 2 bool = false',
    'ParameterParameter': 'shape 1 BlobShape',
    'PoolingParameter': (
        'pool 1 PoolingParameter.PoolMethod = MAX, kernel_size 2 uint64, stride 3 uint64 = 1, '
        'pad 4 uint64 = 0, kernel_h 5 uint64, kernel_w 6 uint64, stride_h 7 uint64, '
        'stride_w 8 uint64, pad_h 9 uint64 = 0, pad_w 10 uint64 = 0, '
        'engine 11 PoolingParameter.Engine = DEFAULT, global_pooling 12 bool = false, '
        'round_mode 13 PoolingParameter.RoundMode = CEIL, ceil_mode 1001 bool'
    ),
    'PowerParameter': 'power 1 float = 1.0, scale 2 float = 1.0, shift 3 float = 0.0',
    'PythonParameter': (
        'module 1 string, layer 2 string, param_str 3 string = , share_in_parallel 4 bool = false'
    ),
    'ReLUParameter': 'negative_slope 1 float = 0, engine 2 ReLUParameter.Engine = DEFAULT',
    'RecurrentParameter': (
        'num_output 1 uint64 = 0, weight_filler 2 FillerParameter, '
        'bias_filler 3 FillerParameter, debug_info 4 bool = false, expose_hidden 5 bool = false'
    ),
    'ReductionParameter': (
        'operation 1 ReductionParameter.ReductionOp = SUM, axis 2 int64 = 0, coeff 3 float = 1.0'
    ),
    'ReshapeParameter': 'shape 1 BlobShape, axis 2 int64 = 0, num_axes 3 int64 = -1',
    'SPPParameter': (
        'pyramid_height 1 uint64, pool 2 SPPParameter.PoolMethod = MAX, '
        'engine 6 SPPParameter.Engine = DEFAULT'
    ),
    'ScaleParameter': (
        'axis 1 int64 = 1, num_axes 2 int64 = 1, filler 3 FillerParameter, '
        'bias_term 4 bool = false, bias_filler 5 FillerParameter'
    ),
    'SigmoidParameter': 'engine 1 SigmoidParameter.Engine = DEFAULT',
    'SliceParameter': 'slice_dim 1 uint64 = 1, slice_point 2 *uint64, axis 3 int64 = 1',
    'SoftmaxParameter': 'engine 1 SoftmaxParameter.Engine = DEFAULT, axis 2 int64 = 1',
    'SwishParameter': 'beta 1 float = 1',
    'TanHParameter': 'engine 1 TanHParameter.Engine = DEFAULT',
    'ThresholdParameter': 'threshold 1 float = 0',
    'TileParameter': 'axis 1 int64 = 1, tiles 2 int64',
    'TransformationParameter': (
        'scale 1 float = 1, mirror 2 bool = false, crop_size 3 uint64 = 0, mean_file 4 string, '
        'mean_value 5 *float, force_color 6 bool = false, force_gray 7 bool = false'
    ),
    'WindowDataParameter': (
        'source 1 string, scale 2 float = 1, mean_file 3 string, batch_size 4 uint64, '
        'crop_size 5 uint64 = 0, mirror 6 bool = false, fg_threshold 7 float = 0.5, '
        'bg_threshold 8 float = 0.5, fg_fraction 9 float = 0.25, context_pad 10 uint64 = 0, '
        'crop_mode 11 string = warp, cache_images 12 bool = false, root_folder 13 string = '
    ),
    # Of forks, not of BVLC/caffe.
    'PermuteParameter': 'order 1 *uint64',
    'NormalizeParameter': (
        'across_spatial 1 bool = true, scale_filler 2 FillerParameter, '
        'channel_shared 3 bool = true, eps 4 float = 1e-10'
    ),
    'BNParameter': (
        'slope_filler 1 FillerParameter, bias_filler 2 FillerParameter, momentum 3 float = 0.9, '
        'eps 4 float = 1e-5, frozen 5 bool = false, bn_mode 6 BNParameter.BNMode, '
        'scale_filler 7 FillerParameter, shift_filler 8 FillerParameter'
    ),
    'InterpParameter': (
        'height 1 int64 = 0, width 2 int64 = 0, zoom_factor 3 int64 = 1, '
        'shrink_factor 4 int64 = 1, pad_beg 5 int64 = 0, pad_end 6 int64 = 0'
    ),
    'UpsampleParameter': (
        'scale 1 int64 = 2, scale_h 2 int64, scale_w 3 int64, pad_out_h 4 bool = false, '
        'pad_out_w 5 bool = false, upsample_h 6 int64, upsample_w 7 int64'
    ),
    'CropCenterParameter': 'crop_size 1 *int64',
    'ShuffleChannelParameter': 'group 1 uint64 = 1',
}

ENGINES = 'DEFAULT CAFFE CUDNN MKL2017 MKLDNN'  # the last two of Intel's fork
# Enumeration -> its values, numbered from 0, but for FIRST. Each lives inside a message: protobuf
# wants the values' names unique within their scope, and Caffe says MAX twice.
ENUMS = {
    'LayerParameter.Phase': 'TRAIN TEST',
    'FillerParameter.VarianceNorm': 'FAN_IN FAN_OUT AVERAGE',
    'ParamSpec.DimCheckMode': 'STRICT PERMISSIVE',
    'LossParameter.NormalizationMode': 'FULL VALID BATCH_SIZE NONE',
    'ConvolutionParameter.Engine': ENGINES,
    'DataParameter.DB': 'LEVELDB LMDB',
    'EltwiseParameter.EltwiseOp': 'PROD SUM MAX',
    'HingeLossParameter.Norm': 'L1 L2',
    'LRNParameter.NormRegion': 'ACROSS_CHANNELS WITHIN_CHANNEL',
    'LRNParameter.Engine': ENGINES,
    'PoolingParameter.PoolMethod': 'MAX AVE STOCHASTIC',
    'PoolingParameter.Engine': ENGINES,
    'PoolingParameter.RoundMode': 'CEIL FLOOR',
    'ReductionParameter.ReductionOp': 'SUM ASUM SUMSQ MEAN',
    'ReLUParameter.Engine': ENGINES,
    'SigmoidParameter.Engine': ENGINES,
    'SoftmaxParameter.Engine': ENGINES,
    'TanHParameter.Engine': ENGINES,
    'SPPParameter.PoolMethod': 'MAX AVE STOCHASTIC',
    'SPPParameter.Engine': ENGINES,
    'V0LayerParameter.PoolMethod': 'MAX AVE STOCHASTIC',
    'BNParameter.BNMode': 'LEARN INFERENCE',
    'BlobProto.Type': 'DOUBLE FLOAT FLOAT16 INT UINT',
}
FIRST = {'HingeLossParameter.Norm': 1, 'ReductionParameter.ReductionOp': 1}
